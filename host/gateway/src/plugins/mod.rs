//! Merchants' plugins: signed by their publishers, verified before they are compiled, compiled in a
//! process of its own, looked at in the shadow, let out step by step, and taken back by themselves
//! when they do badly. Nothing is restarted for any of it.
//!
//! The way of a release: `publishing` verifies and admits it, `stage` says where it may go,
//! `lifecycle` moves it, `loading` puts what stands before the merchant's orders (`rollout`). The
//! way of an order: `deciding` asks the release whose turn it is, and `beside` asks the other one
//! later, writes down where they differ, and acts on `health`. `blobs` keeps the components,
//! `compiler` makes code of them, `series` counts, `pace` says whether the node is fast enough.

pub mod blobs;
pub mod compiler;
pub mod deciding;
pub mod lifecycle;
pub mod loading;
pub mod pace;
pub mod publishing;
mod queue;
pub mod recording;
mod shadow_compare;
pub mod view;

use std::sync::Arc;

use lezai_engine::{Engine, Plugin};

use crate::merchants::Registry;
use crate::node::Node;
use blobs::Blobs;
use queue::BackgroundQueue;

/// Decides orders by merchants' plugins, and takes releases from their publication to every order.
pub struct Plugins {
    node: Arc<Node>,
    merchants: Arc<Registry>,
    /// Runs plugins.
    pub engine: Arc<Engine>,
    /// The standard plugin.
    standard: Arc<Plugin>,
    /// Components on disk.
    blobs: Arc<Blobs>,
    /// The queue of work beside orders.
    queue: BackgroundQueue,
}

impl Plugins {
    /// Plugins of a node's merchants.
    pub fn new(
        node: &Arc<Node>,
        merchants: &Arc<Registry>,
        engine: Arc<Engine>,
        standard: Arc<Plugin>,
        blobs: Arc<Blobs>,
    ) -> Self {
        let (node, merchants) = (Arc::clone(node), Arc::clone(merchants));
        Self { node, merchants, engine, standard, blobs, queue: BackgroundQueue::default() }
    }
}
