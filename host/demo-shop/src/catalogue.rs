//! The shop's goods. A price is looked up here and never taken from a page.

use std::sync::LazyLock;

use lezai_core::money::{Currency, Money};
use serde::{Deserialize, Serialize};

/// A product, as its page shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    /// Its name in addresses.
    pub(super) id: String,
    /// English.
    pub(super) name: String,
    /// Chinese.
    pub(super) name_zh: String,
    /// In minor units of `currency`.
    price: i64,
    currency: Currency,
    image: String,
}

/// The languages that the shop speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh")]
    Chinese,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    products: Vec<Product>,
}

/// The file that the shop's pages are built with, too. A test reads it, so it is known to be good.
static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
    let file = include_str!("../../../www/shop/static/products.json");
    serde_json::from_str::<Catalogue>(file).map(|it| it.products).unwrap_or_default()
});

/// Everything on the shelf.
pub(super) fn all() -> &'static [Product] {
    &PRODUCTS
}

/// The product with this id.
pub(super) fn find(id: &str) -> Option<&'static Product> {
    all().iter().find(|product| product.id == id)
}

impl Product {
    /// Its name in a language.
    pub(super) fn name_in(&self, language: Language) -> &str {
        match language {
            Language::English => &self.name,
            Language::Chinese => &self.name_zh,
        }
    }

    /// The price of so many of it; `None` past what an amount can hold.
    pub(super) fn price_of(&self, quantity: u8) -> Option<Money> {
        Money::new(self.price.checked_mul(quantity.into())?, self.currency).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_is_full_and_every_price_is_one() {
        assert!(all().len() >= 4);
        for product in all() {
            assert!(product.price_of(1).unwrap().minor() > 0, "{}", product.id);
            assert_eq!(find(&product.id).unwrap().name, product.name);
            assert_ne!(product.name_in(Language::Chinese), product.name_in(Language::English));
        }
        assert_eq!(find("jasmine-tea").unwrap().price_of(2).unwrap().to_string(), "25600 CNY");
        assert!(find("../secrets").is_none());
    }
}
