//! WeChat Pay, Alipay and UnionPay, simulated.
//!
//! They speak the providers' protocols over books of their own, and make the providers' mistakes when
//! they are told to ([`fault`]). Nothing here is of the gateway's code: what is signed and how it is
//! written is written a second time, and SDKs that are not ours judge it (`make test-channels`).
//!
//! A shopper is played at `/_sim/…` ([`control`]).

#![forbid(unsafe_code)]

pub mod alipay;
pub mod bill;
pub mod control;
pub mod fault;
pub mod keys;
pub mod notify;
pub mod server;
pub mod time;
pub mod unionpay;
pub mod wechat;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use crate::fault::Faults;

/// All providers.
pub struct Simulators {
    /// WeChat Pay.
    pub wechat: wechat::Wechat,
    /// Alipay.
    pub alipay: alipay::Alipay,
    /// UnionPay.
    pub unionpay: unionpay::Unionpay,
    /// The faults that come next.
    pub faults: Faults,
    /// How callbacks are sent.
    pub notify: notify::Notifier,
}

impl Default for Simulators {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulators {
    /// All of them, with empty books.
    pub fn new() -> Self {
        Self {
            wechat: wechat::Wechat::default(),
            alipay: alipay::Alipay::default(),
            unionpay: unionpay::Unionpay::default(),
            faults: Faults::default(),
            notify: notify::Notifier::new(),
        }
    }

    /// Serves on a listener until the program ends or the task is dropped. Gives the address.
    ///
    /// # Errors
    ///
    /// The listener has no address.
    pub fn serve(self: &Arc<Self>, listener: TcpListener) -> std::io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        tokio::spawn(server::run(Arc::clone(self), listener));
        Ok(address)
    }
}

/// A lock, whatever became of the thread that held it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
