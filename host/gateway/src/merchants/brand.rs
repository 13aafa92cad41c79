//! A merchant's looks at the checkout, as the operator sends them.

use lezai_store::brand::{Brand, DATA_URL, LOGO_MAX_BYTES, Logo, Rgb};
use lezai_wire::json::{Field, Invalid};

/// Reads the member `brand` of a merchant.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn read(field: Field) -> Result<Brand, Invalid> {
    let mut brand = field.object()?;
    let logo = brand.optional("logo", |field| {
        field.parsed(1..=DATA_URL.len() + LOGO_MAX_BYTES.div_ceil(3) * 4, Logo::parse)
    })?;
    let accent = brand.optional("accent", |field| field.parsed(7..=7, Rgb::parse))?;
    let support = brand.optional("support", |field| field.parsed(1..=512, support))?;
    brand.finish()?;
    Ok(Brand { logo, accent, support })
}

/// An address that a link may lead to: no script, and no plain HTTP.
fn support(text: &str) -> Result<String, &'static str> {
    let url = reqwest::Url::parse(text).ok();
    match url.filter(|url| ["https", "mailto", "tel"].contains(&url.scheme())) {
        Some(url) => Ok(url.into()),
        None => Err("no address with https:, mailto: or tel:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_is_an_address_that_runs_nothing() {
        for (text, taken) in [
            ("https://shop.example/help", true),
            ("mailto:help@shop.example", true),
            ("tel:+864001234567", true),
            ("http://shop.example/", false),
            ("javascript:alert(1)", false),
            ("help@shop.example", false),
        ] {
            assert_eq!(support(text).is_ok(), taken, "{text}");
        }
    }
}
