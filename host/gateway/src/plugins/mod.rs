//! Merchants' plugins: signed by their publishers, verified before they are compiled, compiled in a
//! process of its own, looked at in the shadow, let out step by step, and taken back by themselves
//! when they do badly. Nothing is restarted for any of it.
//!
//! The way of a release: `publishing` verifies and admits it, `stage` says where it may go,
//! `lifecycle` moves it, `loading` puts what stands before the merchant's orders (`rollout`). The
//! way of an order: `deciding` asks the release whose turn it is, and `beside` asks the other one
//! later, writes down where they differ, and acts on `health`. `blobs` keeps the components,
//! `compiler` makes code of them, `series` counts, `pace` says whether the node is fast enough.

pub mod beside;
pub mod blobs;
pub mod compiler;
pub mod deciding;
pub mod health;
pub mod lifecycle;
pub mod loading;
pub mod pace;
pub mod publishing;
pub mod recording;
pub mod rollout;
pub mod series;
pub mod stage;
pub mod view;
