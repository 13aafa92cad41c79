//! Runs the simulators: `channel-simulators [ADDRESS…]`. Each address that it listens on is printed on a
//! line of its own. The default is a free port of this machine.

use std::process::ExitCode;
use std::sync::Arc;

use lezai_channel_simulators::Simulators;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let mut addresses: Vec<String> = std::env::args().skip(1).collect();
    if addresses.is_empty() {
        addresses.push("127.0.0.1:0".to_owned());
    }
    let simulators = Arc::new(Simulators::new());
    for address in addresses {
        let served = match TcpListener::bind(&address).await {
            Ok(listener) => simulators.serve(listener),
            Err(error) => Err(error),
        };
        match served {
            Ok(address) => println!("http://{address}"),
            Err(error) => {
                eprintln!("{address}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    std::future::pending().await
}
