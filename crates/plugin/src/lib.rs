//! The crate that a plugin's author depends on: the contract (`wit/lezai-plugin.wit`), and Rust over it.
//!
//! A plugin is a type that implements some of [`Risk`], [`Pricing`], [`Routing`], [`Split`] and
//! [`Statement`], and one line of [`export!`]. It is a plain Rust library (`crate-type = ["cdylib", "rlib"]`), so its tests
//! are native: they build an [`Order`] and look at the answer.
//!
//! ```
//! use lezai_plugin::{Assessment, Order, Reason, Risk, Verdict};
//!
//! struct NightOwls;
//!
//! impl Risk for NightOwls {
//!     /// Looks twice at what is bought between one and five in the morning in Shanghai.
//!     fn assess(order: Order, _settings: &[u8]) -> Result<Assessment, String> {
//!         let hour = (order.at_ms / 3_600_000 + 8).rem_euclid(24);
//!         if !(1..5).contains(&hour) {
//!             return Ok(Assessment { verdict: Verdict::Accept, score: 0, reasons: vec![] });
//!         }
//!         let reason = Reason { code: "night".into(), message: "Bought at night".into() };
//!         Ok(Assessment { verdict: Verdict::Review, score: 400, reasons: vec![reason] })
//!     }
//! }
//!
//! lezai_plugin::export!(NightOwls: Risk);
//!
//! // A test is a function call.
//! let mut order = Order { at_ms: 1_767_204_000_000, ..Order::example() }; // 02:00 in Shanghai
//! assert_eq!(NightOwls::assess(order.clone(), &[]).unwrap().verdict, Verdict::Review);
//! order.at_ms += 6 * 3_600_000;
//! assert_eq!(NightOwls::assess(order, &[]).unwrap().verdict, Verdict::Accept);
//! ```
//!
//! The crate brings an allocator for wasm that fits what lives for one order; `default-features =
//! false` leaves it out, for an author who has another.
//!
//! Which answers the gateway takes, and what it does when there is none, is said at each trait and
//! in the contract. Nothing here imports anything, and neither may what a plugin depends on: a
//! component with an import is refused when it is uploaded.

#[cfg(feature = "component")]
pub mod component;
#[cfg(any(test, all(target_family = "wasm", feature = "allocator")))]
mod memory;

pub use bindings::types::{
    Assessment, Column, Customer, Device, DeviceKind, IpClass, MerchantProfile, Money,
    OrderRecord as Order, Reason, Scene, Share, Tally, Velocity, Verdict, Windows,
};

/// The risk of an order.
///
/// If the plugin does not answer, the order is put under review with the reason `plugin_failed`.
pub trait Risk {
    /// A score of at most 1000 and at most 8 reasons; at least one unless the verdict is to accept.
    ///
    /// # Errors
    ///
    /// For settings that cannot be read. The gateway's log and the decision carry the text; it
    /// counts as no answer.
    fn assess(order: Order, settings: &[u8]) -> Result<Assessment, String>;
}

/// The fee that the merchant pays for an order.
///
/// If the plugin does not answer, the standard plugin does, by the merchant's policy.
pub trait Pricing {
    /// The fee: in the order's currency, at most its amount.
    ///
    /// # Errors
    ///
    /// As of [`Risk::assess`].
    fn fee(order: Order, settings: &[u8]) -> Result<Money, String>;
}

/// The channels to try for an order.
///
/// If the plugin does not answer, the standard plugin does, by the merchant's policy.
pub trait Routing {
    /// The channels, best first: each of those that the merchant's policy names at most once, and
    /// no others. None at all means that no channel takes the order.
    ///
    /// # Errors
    ///
    /// As of [`Risk::assess`].
    fn route(order: Order, settings: &[u8]) -> Result<Vec<String>, String>;
}

/// The parties that get a part of an order.
///
/// If the plugin does not answer, nothing is split.
pub trait Split {
    /// At most 16 shares, each receiver once, none of nothing; with the fee, which is given, at most
    /// the order's amount. What is left is the merchant's.
    ///
    /// # Errors
    ///
    /// As of [`Risk::assess`].
    fn divide(order: Order, fee: Money, settings: &[u8]) -> Result<Vec<Share>, String>;
}

/// The columns that an order has in the merchant's books.
///
/// If the plugin does not answer, there are none.
pub trait Statement {
    /// At most 8 columns, each name once.
    ///
    /// # Errors
    ///
    /// As of [`Risk::assess`].
    fn columns(order: Order, settings: &[u8]) -> Result<Vec<Column>, String>;
}

/// Makes a type the plugin: `export!(Type: Risk, Pricing, Routing, Split, Statement)`, with those
/// of the five that it implements. Stands once in a crate; outside of wasm it does nothing.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        const _: () = {
            $($crate::__export_hook!($hook $plugin);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    (Risk $plugin:ty) => {
        const _: fn($crate::Order, &[u8]) -> Result<$crate::Assessment, String> =
            <$plugin as $crate::Risk>::assess;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::risk::Guest for Exported {
                fn assess(
                    order: $crate::Order,
                    settings: Vec<u8>,
                ) -> Result<$crate::Assessment, String> {
                    <$plugin as $crate::Risk>::assess(order, &settings)
                }
            }
            $crate::bindings::risk::__export_lezai_plugin_risk_1_0_0_cabi!(
                Exported with_types_in $crate::bindings::risk
            );
            $crate::__section!("risk");
        };
    };
    (Pricing $plugin:ty) => {
        const _: fn($crate::Order, &[u8]) -> Result<$crate::Money, String> =
            <$plugin as $crate::Pricing>::fee;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::pricing::Guest for Exported {
                fn fee(order: $crate::Order, settings: Vec<u8>) -> Result<$crate::Money, String> {
                    <$plugin as $crate::Pricing>::fee(order, &settings)
                }
            }
            $crate::bindings::pricing::__export_lezai_plugin_pricing_1_0_0_cabi!(
                Exported with_types_in $crate::bindings::pricing
            );
            $crate::__section!("pricing");
        };
    };
    (Routing $plugin:ty) => {
        const _: fn($crate::Order, &[u8]) -> Result<Vec<String>, String> =
            <$plugin as $crate::Routing>::route;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::routing::Guest for Exported {
                fn route(order: $crate::Order, settings: Vec<u8>) -> Result<Vec<String>, String> {
                    <$plugin as $crate::Routing>::route(order, &settings)
                }
            }
            $crate::bindings::routing::__export_lezai_plugin_routing_1_0_0_cabi!(
                Exported with_types_in $crate::bindings::routing
            );
            $crate::__section!("routing");
        };
    };
    (Split $plugin:ty) => {
        const _: fn($crate::Order, $crate::Money, &[u8]) -> Result<Vec<$crate::Share>, String> =
            <$plugin as $crate::Split>::divide;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::split::Guest for Exported {
                fn divide(
                    order: $crate::Order,
                    fee: $crate::Money,
                    settings: Vec<u8>,
                ) -> Result<Vec<$crate::Share>, String> {
                    <$plugin as $crate::Split>::divide(order, fee, &settings)
                }
            }
            $crate::bindings::split::__export_lezai_plugin_split_1_0_0_cabi!(
                Exported with_types_in $crate::bindings::split
            );
            $crate::__section!("split");
        };
    };
    (Statement $plugin:ty) => {
        const _: fn($crate::Order, &[u8]) -> Result<Vec<$crate::Column>, String> =
            <$plugin as $crate::Statement>::columns;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::statement::Guest for Exported {
                fn columns(
                    order: $crate::Order,
                    settings: Vec<u8>,
                ) -> Result<Vec<$crate::Column>, String> {
                    <$plugin as $crate::Statement>::columns(order, &settings)
                }
            }
            $crate::bindings::statement::__export_lezai_plugin_statement_1_0_0_cabi!(
                Exported with_types_in $crate::bindings::statement
            );
            $crate::__section!("statement");
        };
    };
}

/// The part of the guest's description that tells of one hook; see `build.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __section {
    ("risk") => {
        $crate::__section!("component-type:lezai:risk", RISK);
    };
    ("pricing") => {
        $crate::__section!("component-type:lezai:pricing", PRICING);
    };
    ("routing") => {
        $crate::__section!("component-type:lezai:routing", ROUTING);
    };
    ("split") => {
        $crate::__section!("component-type:lezai:split", SPLIT);
    };
    ("statement") => {
        $crate::__section!("component-type:lezai:statement", STATEMENT);
    };
    ($name:literal, $section:ident) => {
        #[unsafe(link_section = $name)]
        static SECTION: [u8; $crate::bindings::$section.len()] = *$crate::bindings::$section;
    };
}

impl Order {
    /// An order to start a test from: 128 yuan in a web shop, by `wallet_qr`, and nothing known of
    /// who buys.
    pub fn example() -> Self {
        Self {
            id: "ord_00000000000000000000000000000001".to_owned(),
            merchant: "m_demo".to_owned(),
            merchant_order_id: "A-1001".to_owned(),
            amount: Money { minor: 12_800, currency: "CNY".to_owned() },
            scene: Scene::Ecommerce,
            methods: vec!["wallet_qr".to_owned()],
            method: Some("wallet_qr".to_owned()),
            customer: Customer { reference: None, ip: None, ip_class: None, country: None },
            device: Device { id: None, kind: None, os: None, user_agent: None },
            metadata: vec![],
            profile: MerchantProfile { country: None, category: None, tier: None },
            velocity: Velocity { merchant: Windows::NONE, customer: None, device: None, ip: None },
            at_ms: 1_767_225_600_000,
        }
    }

    /// The value of a metadata key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(it, _)| it == key).map(|(_, value)| value.as_str())
    }
}

impl Windows {
    /// No orders at all.
    pub const NONE: Self = {
        let none = Tally { count: 0, sum: 0 };
        Self { minute: none, hour: none, day: none }
    };
}

/// The guide's code is compiled and run like any example here.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugins.md")]
#[doc = include_str!("../../../docs/plugins.zh-CN.md")]
struct Guide;

/// The output of wit-bindgen and wit-component for the contract, for [`export!`] alone. Both are kept here as they
/// were made, for the contract is frozen; `make check` makes them anew and compares.
#[doc(hidden)]
#[rustfmt::skip]
#[allow(
    missing_docs, unreachable_pub, clippy::all, clippy::cast_possible_truncation, clippy::cast_sign_loss,
    clippy::undocumented_unsafe_blocks, clippy::unwrap_used, reason = "generated",
)]
pub mod bindings {
    pub use exports::lezai::plugin::{pricing, risk, routing, split, statement, types};

    macro_rules! sections {
        ($($name:ident $path:literal),+ $(,)?) => {
            $(pub const $name: &[u8; include_bytes!($path).len()] = include_bytes!($path);)+
        };
    }

    sections! {
        PRICING "../wit/sections/pricing",
        RISK "../wit/sections/risk",
        ROUTING "../wit/sections/routing",
        SPLIT "../wit/sections/split",
        STATEMENT "../wit/sections/statement",
    }

    include!("bindings.rs");
}
