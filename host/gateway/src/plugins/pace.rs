//! Whether this node is fast enough for fuel, and not the clock, to end plugins: measured at the start,
//! and told to whoever reads the log or the metrics.

use lezai_engine::{Engine, Pace, StartError};

use crate::metrics::series::PluginMetrics;

/// Measures, counts, and gives the notice that the log should have, if there is need for one.
///
/// # Errors
///
/// If the engine cannot run what it measures by.
pub fn measure(engine: &Engine, metrics: &PluginMetrics) -> Result<Option<String>, StartError> {
    let pace = engine.pace()?;
    metrics.full_fuel.set(pace.full_fuel.as_secs_f64());
    metrics.deadline_likely.set(i64::from(pace.deadline_is_likely()));
    Ok(notice(&pace))
}

fn notice(pace: &Pace) -> Option<String> {
    pace.deadline_is_likely().then(|| {
        format!(
            "this node is too slow for plugins: all the fuel of a question takes {} ms here, and the \
             clock ends it after {} ms, so decisions may end with `deadline` and cannot be replayed; \
             give the gateway a faster processor, or one that is not emulated or throttled",
            pace.full_fuel.as_millis(),
            pace.deadline.as_millis()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use lezai_engine::Config;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    thread_local! {
        /// The clock's time, and how far it goes on each time that it is asked.
        static CLOCK: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
    }

    fn clock() -> Duration {
        let (now, step) = CLOCK.get();
        CLOCK.set((now + step, step));
        now
    }

    /// The clock alone makes this node fast or slow.
    #[test]
    fn a_slow_node_says_so_in_log_and_metrics() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(Config { slots: 1, clock, ..Config::new(folder.path()) }).unwrap();
        let metrics = Arc::new(PluginMetrics::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let text = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        for (step, likely) in [(Duration::from_micros(10), 0), (Duration::from_secs(1), 1)] {
            CLOCK.set((Duration::ZERO, step));
            let notice = measure(&engine, &metrics).unwrap();
            assert_eq!(notice.is_some(), likely == 1, "{notice:?}");
            let text = text();
            let line = format!("plugin_deadline_likely {likely}");
            assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
        }
        assert!(text().contains("plugin_full_fuel_seconds 10.0"), "{}", text());
        let notice = measure(&engine, &metrics).unwrap().unwrap();
        assert!(
            notice.contains("takes 10000 ms here") && notice.contains("after 1000 ms"),
            "{notice}"
        );
    }
}
