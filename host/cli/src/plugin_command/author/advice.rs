//! The meaning of a limit for an author: which one it is, how far over it, and how to get under.

use lezai_engine::{Failure, Limits, Refused};

/// Why a component is not taken, and what to do.
pub(super) fn refused(refused: &Refused, limits: &Limits) -> String {
    let (over, what_to_do) = match refused {
        Refused::TooLarge { found, most } => (Some((*found, *most, "bytes")), SMALLER),
        Refused::TooMany { what, found, most } => (Some((*found, *most, *what)), simpler(what)),
        Refused::Import(_) => return import_refused(&refused.to_string()),
        Refused::CoreModule => (None, "Give the module to `lezai plugin build`."),
        Refused::Contract(_) => (
            None,
            "Export at least one hook of lezai:plugin@1.0.0 with its type in the contract: \
             `lezai_plugin::export!` does in Rust, wit-bindgen in other languages.",
        ),
        Refused::Start(why) if why.contains("fuel") || why.contains("time") => {
            (None, "Do nothing before the first question: no start function, no constructors.")
        }
        Refused::Start(_) => {
            let text = format!(
                "refused: {refused}\nlimit:   {} bytes of memory\nto do:   {MEMORY}",
                limits.memory
            );
            return text;
        }
        Refused::Invalid(_) | Refused::Nested(_) | Refused::Glue => {
            (None, "Build it with `lezai plugin build`, or with wit-bindgen and wit-component.")
        }
        // Any other refusal of a gateway is in words.
        #[allow(unreachable_patterns, reason = "an engine may know more")]
        _ => (None, "See docs/plugins.md for what a gateway takes."),
    };
    let over = over.map(|(found, most, what)| {
        let percent = (found - most).saturating_mul(100) / most.max(1);
        format!("limit:   {most} {what}\nover by: {} ({percent} %)\n", found - most)
    });
    format!("refused: {refused}\n{}to do:   {what_to_do}", over.unwrap_or_default())
}

/// A module that wants something from outside.
pub(super) fn import(name: &str) -> String {
    import_refused(&format!("it imports {name}: a plugin imports nothing"))
}

/// A module that describes no world, or not one that fits.
pub(super) fn no_component(error: &str) -> String {
    format!(
        "refused: it cannot be made a component: {error}\nto do:   Depend on lezai-plugin and \
         write `lezai_plugin::export!` once; in other languages compile wit-bindgen's output with it."
    )
}

/// The advice to an author about a hook that did not answer.
pub(super) fn failure(failure: &Failure, limits: &Limits) -> String {
    let what_to_do = match failure {
        Failure::Fuel => {
            return format!(
                "all {} units of fuel burnt; `lezai plugin profile` says where they went",
                limits.fuel
            );
        }
        Failure::Deadline => {
            return format!(
                "{} ms of processor time used up before the fuel was: this machine is too slow or too \
                 busy to tell how a gateway would end it; ask again on another",
                limits.deadline_ms
            );
        }
        Failure::Memory => {
            return format!("more than {} bytes of memory wanted: {MEMORY}", limits.memory);
        }
        Failure::TooMuchInput(found) => {
            let most = limits.input;
            return format!(
                "order and settings have {found} bytes, {} more than the limit of {most}: make the \
                 settings smaller",
                found - most
            );
        }
        Failure::TooMuchOutput => {
            return format!(
                "the answer is longer than {} bytes: fewer or shorter reasons, shares or columns",
                limits.output
            );
        }
        Failure::Trap(_) => {
            "a panic, an overflow, or a stack that is too deep; a native test shows it"
        }
        Failure::Refused(_) => "the plugin's own error: mostly settings that it cannot read",
        Failure::Nonsense(_) => "the contract has the bounds of each answer",
    };
    format!("{failure} ({what_to_do})")
}

fn import_refused(why: &str) -> String {
    format!(
        "refused: {why}\nlimit:   no imports\nto do:   Find the dependency that wants it: \
         clocks, randomness, files and logs are what std and WASI bring in. The time is the order's \
         `at_ms`; build for wasm32-unknown-unknown, not for wasm32-wasip1 or -wasip2."
    )
}

/// How to have less of something that the compiler is bounded by.
fn simpler(what: &str) -> &'static str {
    if what.contains("code") || what.contains("locals") || what.contains("within one another") {
        "Cut the longest function into several, and keep the compiler from putting them together \
         again: #[inline(never)], opt-level = \"s\"."
    } else if what.contains("parameters") || what.contains("results") {
        "Pass a struct by reference."
    } else if what.contains("indirect") {
        "Fewer trait objects and fewer copies of memory: generics, or references instead of clones."
    } else {
        "Have less code: fewer dependencies, fewer generic copies, opt-level = \"s\", lto = \"fat\"."
    }
}

const SMALLER: &str = "In Cargo.toml's [profile.release]: opt-level = \"s\", lto = \"fat\", \
    codegen-units = 1, panic = \"abort\", strip = \"debuginfo\". In the code: format! and {:?} are \
    large, and so are regular expressions and JSON; settings can be lines of text.";

const MEMORY: &str = "keep no copies of the order, build no large tables, and link with \
    -zstack-size=65536, as `lezai plugin build` does.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_says_how_far_over_and_how_to_get_under() {
        let limits = Limits::default();
        let too_large = Refused::TooLarge { found: limits.component + 100, most: limits.component };
        let text = refused(&too_large, &limits);
        assert!(
            text.contains("limit:   262144 bytes\nover by: 100 (0 %)\nto do:   In Cargo"),
            "{text}"
        );
        for what in ["functions", "locals of one function", "indirect calls", "calls"] {
            let text = refused(&Refused::TooMany { what, found: 300, most: 200 }, &limits);
            let expected = format!("limit:   200 {what}\nover by: 100 (50 %)\nto do:   ");
            assert!(text.contains(&expected), "{text}");
        }
        let text = failure(&Failure::TooMuchInput(limits.input + 7), &limits);
        assert!(text.contains("7 more than the limit of 32768"), "{text}");
    }
}
