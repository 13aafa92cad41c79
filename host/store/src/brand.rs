//! A merchant's own looks at the checkout: a logo, a colour, and where a shopper is helped.
//!
//! All three are the operator's to put. The logo's bytes are kept and served here, so that no page's policy has to
//! allow images from elsewhere, and nobody else hears of the shoppers. The colour is as dark, or as light, as it
//! takes to be read.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use lezai_core::id::MerchantId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A logo's bytes: it is one more thing that a shopper waits for.
pub const LOGO_MAX_BYTES: usize = 32 * 1024;
/// A logo's width and height in pixels, at most: it is shown 28 high, on screens with up to four dots a pixel, and a
/// small file may be a huge picture.
pub const LOGO_MAX_SIDE: u32 = 512;
/// The contrast of text with its ground, at least: WCAG 2.2, 1.4.3.
const CONTRAST_MIN: f64 = 4.5;
/// The checkout's least favourable grounds, `--lezai-wash` in `style.css`: light and dark.
const LIGHT_GROUND: Rgb = Rgb([0xf4, 0xf7, 0xf5]);
const DARK_GROUND: Rgb = Rgb([0x21, 0x29, 0x25]);
/// The prefix of a logo's bytes.
pub const DATA_URL: &str = "data:image/png;base64,";
/// The prefix of the name of a logo's file.
const FILE_START: &str = "logo-";
/// The first bytes of a PNG file (PNG specification, 5.2), and the header chunk that follows at once (11.2.1).
const PNG_START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// A merchant's looks. What is absent is the checkout's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    /// The picture beside the merchant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// The colour of buttons and links, as the operator put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<Rgb>,
    /// Where a shopper is helped: `https:`, `mailto:` or `tel:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
}

/// A PNG within the bounds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Logo {
    bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    digest: [u8; 32],
}

impl Logo {
    /// Reads a `data:` URL.
    ///
    /// # Errors
    ///
    /// The error, to be said after "is".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = text
            .strip_prefix(DATA_URL)
            .and_then(|base64| Base64::decode_vec(base64).ok())
            .ok_or("not a PNG as data:image/png;base64,…")?;
        let side = |at: usize| {
            let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes)).filter(|side| (1..=LOGO_MAX_SIDE).contains(side))
        };
        if bytes.len() > LOGO_MAX_BYTES {
            return Err("larger than 32 KiB");
        }
        if !bytes.starts_with(PNG_START) {
            return Err("not a PNG");
        }
        if side(PNG_START.len()).and(side(PNG_START.len() + 4)).is_none() {
            return Err("not 1 to 512 pixels wide and high");
        }
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { bytes, digest })
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file's name: another one where the merchant or the bytes are others, so that it can be kept for good.
    pub fn file_name(&self, merchant: &MerchantId) -> String {
        let version: String = self.digest.iter().take(8).map(|it| format!("{it:02x}")).collect();
        format!("{FILE_START}{merchant}-{version}.png")
    }

    /// Whose logo a file is, by its name; whether the name is its present one is not looked at.
    pub fn merchant_of(file_name: &str) -> Option<MerchantId> {
        let (merchant, _version) = file_name.strip_prefix(FILE_START)?.rsplit_once('-')?;
        MerchantId::parse(merchant).ok()
    }

    /// Its hash, as Subresource Integrity writes it.
    pub fn integrity(&self) -> String {
        format!("sha256-{}", Base64::encode_string(&self.digest))
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({} bytes, {})", self.bytes.len(), self.integrity())
    }
}

impl TryFrom<String> for Logo {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Logo> for String {
    fn from(logo: Logo) -> Self {
        format!("{DATA_URL}{}", Base64::encode_string(&logo.bytes))
    }
}

/// A colour: red, green and blue as sRGB has them. Written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// Reads `#rrggbb`.
    ///
    /// # Errors
    ///
    /// The error, to be said after "is".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let digits = text.strip_prefix('#').filter(|it| it.len() == 6 && it.is_ascii());
        let channel = |at: usize| u8::from_str_radix(digits?.get(at..at + 2)?, 16).ok();
        match (channel(0), channel(2), channel(4)) {
            (Some(red), Some(green), Some(blue))
                if digits.is_some_and(|it| it.bytes().all(|b| b.is_ascii_hexdigit())) =>
            {
                Ok(Self([red, green, blue]))
            }
            _ => Err("not a colour such as #0d664c"),
        }
    }

    /// The colour for a light ground: itself, or as much darker as it takes. White on it is read as well.
    #[must_use]
    pub fn on_light(self) -> Self {
        self.readable(LIGHT_GROUND, Self([0; 3]))
    }

    /// The colour for a dark ground: itself, or as much lighter as it takes. Nearly black on it is read as well.
    #[must_use]
    pub fn on_dark(self) -> Self {
        self.readable(DARK_GROUND, Self([255; 3]))
    }

    /// Mixed with `towards`, a hundredth at a time, until it is read on `ground`; black on white is.
    fn readable(self, ground: Self, towards: Self) -> Self {
        let mut mixed = (0..=100).map(|share| self.mixed(towards, share));
        mixed.find(|it| it.contrast(ground) >= CONTRAST_MIN).unwrap_or(towards)
    }

    fn mixed(self, towards: Self, share: u32) -> Self {
        Self(std::array::from_fn(|n| {
            let sum = u32::from(self.0[n]) * (100 - share) + u32::from(towards.0[n]) * share;
            // A mean of two bytes is one.
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        }))
    }

    /// WCAG 2.2, "contrast ratio": from 1 to 21.
    #[expect(
        clippy::float_arithmetic,
        reason = "a colour is no money, and the standard counts in reals"
    )]
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(other) / one.min(other)
    }

    /// WCAG 2.2, "relative luminance".
    #[expect(
        clippy::float_arithmetic,
        reason = "a colour is no money, and the standard counts in reals"
    )]
    fn luminance(self) -> f64 {
        let linear = |channel: u8| match f64::from(channel) / 255.0 {
            low if low <= 0.04045 => low / 12.92,
            high => ((high + 0.055) / 1.055).powf(2.4),
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl TryFrom<String> for Rgb {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Rgb> for String {
    fn from(colour: Rgb) -> Self {
        colour.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accent_can_be_read_on_both_grounds_and_with_the_text_on_it() {
        // The text on a button, `--lezai-on-accent` in style.css.
        let (on_light, on_dark) = (Rgb([255; 3]), Rgb([0x09, 0x23, 0x1a]));
        let steps = (0..=255).step_by(15);
        for red in steps.clone() {
            for green in steps.clone() {
                for blue in steps.clone() {
                    let accent = Rgb([red, green, blue]);
                    let (light, dark) = (accent.on_light(), accent.on_dark());
                    for (colour, ground) in [
                        (light, LIGHT_GROUND),
                        (light, on_light),
                        (dark, DARK_GROUND),
                        (dark, on_dark),
                    ] {
                        let contrast = colour.contrast(ground);
                        assert!(contrast >= 4.5, "{accent}: {colour} on {ground}: {contrast}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_colour_that_can_be_read_stays_as_it_is() {
        for (accent, on_light, on_dark) in [
            ("#0d664c", true, false),
            ("#7cd3af", false, true),
            ("#000000", true, false),
            ("#ffffff", false, true),
        ] {
            let colour = Rgb::parse(accent).unwrap();
            assert_eq!(colour.to_string(), accent);
            assert_eq!(colour.on_light() == colour, on_light, "{accent}");
            assert_eq!(colour.on_dark() == colour, on_dark, "{accent}");
        }
        for wrong in
            ["", "#fff", "0d664c", "#0d664g", "#+d664c1", "red;}", "#0d664c0", "#0d66\u{e9}"]
        {
            assert!(Rgb::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_logo_is_a_png_within_its_bounds() {
        let png = |width: u32, height: u32, filler: usize| {
            let mut bytes = PNG_START.to_vec();
            bytes.extend(width.to_be_bytes());
            bytes.extend(height.to_be_bytes());
            bytes.resize(bytes.len() + filler, 0);
            format!("{DATA_URL}{}", Base64::encode_string(&bytes))
        };
        let head = PNG_START.len() + 8;
        for (text, taken) in [
            (png(1, 1, 9), true),
            (png(512, 512, LOGO_MAX_BYTES - head), true),
            (png(512, 512, LOGO_MAX_BYTES - head + 1), false),
            (png(513, 1, 9), false),
            (png(1, 513, 9), false),
            (png(0, 1, 9), false),
            (png(1, 1, 9).replace("image/png", "image/svg+xml"), false),
            (format!("{DATA_URL}{}", Base64::encode_string(&PNG_START[..9])), false),
            (format!("{DATA_URL}***"), false),
            ("https://shop.example/logo.png".to_owned(), false),
        ] {
            assert_eq!(Logo::parse(&text).is_ok(), taken, "{text:.60}");
        }
        let logo = Logo::parse(&png(64, 28, 100)).unwrap();
        assert_eq!(Logo::try_from(String::from(logo.clone())).unwrap(), logo);
        let merchant = MerchantId::parse("m_tea").unwrap();
        let name = logo.file_name(&merchant);
        assert_eq!(Logo::merchant_of(&name), Some(merchant), "{name}");
    }
}
