//! The channels that a gateway has, and what the operator says of the choice between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lezai_channels::channel::{Channel, Method};
use lezai_core::money::Money;
use lezai_core::routing::{Cost, Preference, cost_of};

/// The operator's preference among channels, and what each of them costs.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// How channels are arranged whose order is free.
    pub preference: Preference,
    /// The costs of each channel, by its name.
    pub costs: BTreeMap<String, Vec<Cost>>,
}

impl Routing {
    /// The cost of a payment at the platform's account at a channel, if the operator said so.
    pub fn cost(&self, channel: &str, method: &str, amount: Money) -> Option<Money> {
        cost_of(self.costs.get(channel)?, method, amount)
    }
}

/// The channels, in the order in which they are preferred.
#[derive(Clone)]
pub struct Channels(Vec<Arc<dyn Channel>>);

impl Channels {
    /// These channels.
    pub fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self(channels)
    }

    /// Every method of every channel.
    pub fn methods(&self) -> impl Iterator<Item = &'static Method> {
        self.0.iter().flat_map(|channel| channel.methods())
    }

    /// The kinds of destination that are paid to, each with the channels that do, best first.
    pub fn payers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().flat_map(|channel| channel.pays_to().iter().map(|kind| (*kind, channel.id())))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Channel>> {
        self.0.iter()
    }

    /// The channel with this name, to be kept.
    pub fn shared(&self, id: &str) -> Option<Arc<dyn Channel>> {
        self.0.iter().find(|channel| channel.id() == id).cloned()
    }

    /// The channel with this name.
    pub fn get(&self, id: &str) -> Option<&dyn Channel> {
        self.0.iter().map(|channel| &**channel).find(|channel| channel.id() == id)
    }

    /// A method, and the first channel that offers it.
    pub fn method(&self, id: &str) -> Option<(&dyn Channel, &'static Method)> {
        self.0.iter().find_map(|channel| Some((&**channel, channel.method(id)?)))
    }
}
