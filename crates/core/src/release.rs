//! A plugin's release: the manifest that says what it is and for whom, and its publisher's
//! signature over the manifest's very bytes.
//!
//! The manifest names the component and its settings by their digests, so the one signature vouches
//! for both. It names the merchant and carries a number that only grows, so that neither another
//! merchant's release nor an old one can be passed off as its own. Nothing is ever re-serialised to be
//! verified. What [`Envelope::read`] gives is a claim; only [`Envelope::verify`] gives a [`Release`].

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::sha256_hex;
use crate::id::{MerchantId, OrderId};
use crate::key::{Sign, Verify};
use crate::time::Timestamp;

/// The prefix of a manifest when it is signed, so that the signature is good for nothing else
/// that the key may sign, and nothing else that it signs is good for a release.
pub const DOMAIN: &[u8] = b"lezai plugin release, version 1\n";
/// The contract that releases are made for.
pub const CONTRACT: &str = "lezai:plugin@1.0.0";
/// The longest manifest that is read, in bytes. One with each field at its longest has 1.2 KiB.
pub const MAX_MANIFEST: usize = 4 * 1024;
/// The longest name and version, in characters: they are shown in tables and metrics.
pub const MAX_NAME: usize = 64;
/// The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6).
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;
/// More hooks than any contract has.
const MAX_HOOKS: usize = 16;

/// A publisher's statement about a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name: 1 to 64 of a-z, 0-9 and `_ - .`.
    pub plugin: String,
    /// Its version, in the same characters and capitals and `+`.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// SHA-256 of what it is given with each order, in hex.
    pub settings_digest: String,
    /// [`CONTRACT`].
    pub contract: String,
    /// The hooks that it answers.
    pub hooks: Vec<String>,
    /// The resources that it may use.
    pub limits: Limits,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Larger than that of each release of the merchant's before; at most [`MAX_SEQUENCE`].
    pub sequence: u64,
    /// The name of the key that signs it.
    pub keyid: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The resources that a plugin may use: at most those that the gateway gives to any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory: u64,
    /// Fuel for one question.
    pub fuel: u64,
    /// Processor time for one question, in milliseconds; at most the gateway's last resort, which is what
    /// counts. A lower one is taken and ends nothing: on a slow machine it would come before the fuel
    /// does, and the outcome of a decision would be the machine's.
    pub deadline_ms: u64,
}

/// A manifest's bytes and the signature over them, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The manifest, as JSON.
    pub manifest: Vec<u8>,
    /// r and s.
    pub signature: Vec<u8>,
}

/// A manifest that its publisher signed, and that fits what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release(Manifest);

/// The values that a release has to match.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose it is to be.
    pub merchant: &'a MerchantId,
    /// The component that came with it.
    pub component: &'a [u8],
    /// The settings that came with it.
    pub settings: &'a [u8],
    /// The most that any plugin may use.
    pub maxima: Limits,
}

/// Why a release is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The manifest is none.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// The signature is not that key's over this manifest.
    #[error("the signature is not the key's over this manifest")]
    Signature,
    /// It is another merchant's.
    #[error("the release is for {0}")]
    Merchant(MerchantId),
    /// It was signed for another component, or for other settings.
    #[error("the {what} that came has the digest {found}, the manifest names another")]
    Digest {
        /// `component` or `settings`.
        what: &'static str,
        /// That of what came.
        found: String,
    },
    /// It is made for another contract.
    #[error("the release is for the contract {0:?}; {CONTRACT} is the one that is known here")]
    Contract(String),
    /// It wants more than any plugin gets.
    #[error("limits.{what} is {found}, {most} is the most that a plugin gets")]
    Limits {
        /// Which limit.
        what: &'static str,
        /// The value that the manifest asks for.
        found: u64,
        /// The most that it may ask for.
        most: u64,
    },
}

impl Manifest {
    /// Reads a manifest: no unknown member, none twice, each within its bounds.
    ///
    /// # Errors
    ///
    /// [`Refused::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let malformed = |why: String| Refused::Malformed(why);
        if bytes.len() > MAX_MANIFEST {
            return Err(malformed(format!("it has more than {MAX_MANIFEST} bytes")));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        manifest.check().map_err(|what| malformed(format!("{what} is not what it must be")))?;
        Ok(manifest)
    }

    /// The field that is out of its bounds, if any.
    fn check(&self) -> Result<(), &'static str> {
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        let name = |text: &str, allowed: &dyn Fn(u8) -> bool| {
            (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
        };
        let digest = |text: &str| {
            text.len() == 64
                && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let rows = [
            ("plugin", name(&self.plugin, &lower)),
            ("version", name(&self.version, &|b| lower(b) || b.is_ascii_uppercase() || b == b'+')),
            ("digest", digest(&self.digest)),
            ("settings_digest", digest(&self.settings_digest)),
            ("contract", self.contract.len() <= MAX_NAME),
            (
                "hooks",
                (1..=MAX_HOOKS).contains(&self.hooks.len())
                    && self.hooks.iter().all(|hook| name(hook, &lower)),
            ),
            ("sequence", (1..=MAX_SEQUENCE).contains(&self.sequence)),
            ("keyid", (1..=MAX_NAME).contains(&self.keyid.len()) && self.keyid.is_ascii()),
        ];
        match rows.into_iter().find(|(_, fits)| !fits) {
            Some((field, _)) => Err(field),
            None => Ok(()),
        }
    }
}

impl Envelope {
    /// Puts a manifest into its bytes and signs them.
    ///
    /// # Errors
    ///
    /// [`Refused::Malformed`]: a manifest that would not be read is not signed.
    pub fn seal(manifest: &Manifest, key: &impl Sign) -> Result<Self, Refused> {
        let bytes =
            serde_json::to_vec(manifest).map_err(|error| Refused::Malformed(error.to_string()))?;
        Manifest::parse(&bytes)?;
        let signature = key.sign(&signed(&bytes)).to_vec();
        Ok(Self { manifest: bytes, signature })
    }

    /// The manifest as claimed: it says whose key has to vouch for it.
    ///
    /// # Errors
    ///
    /// [`Refused::Malformed`].
    pub fn read(&self) -> Result<Manifest, Refused> {
        Manifest::parse(&self.manifest)
    }

    /// Verifies the signature first, and then whether the manifest fits what came with it.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn verify(&self, key: &impl Verify, expected: &Expected<'_>) -> Result<Release, Refused> {
        let manifest = self.read()?;
        key.verify(&signed(&self.manifest), &self.signature).map_err(|_| Refused::Signature)?;
        if manifest.merchant != *expected.merchant {
            return Err(Refused::Merchant(manifest.merchant));
        }
        for (what, bytes, named) in [
            ("component", expected.component, &manifest.digest),
            ("settings", expected.settings, &manifest.settings_digest),
        ] {
            let found = sha256_hex(bytes);
            if found != *named {
                return Err(Refused::Digest { what, found });
            }
        }
        if manifest.contract != CONTRACT {
            return Err(Refused::Contract(manifest.contract));
        }
        let (limits, maxima) = (&manifest.limits, &expected.maxima);
        for (what, found, most) in [
            ("memory", limits.memory, maxima.memory),
            ("fuel", limits.fuel, maxima.fuel),
            ("deadline_ms", limits.deadline_ms, maxima.deadline_ms),
        ] {
            if found > most {
                return Err(Refused::Limits { what, found, most });
            }
        }
        Ok(Release(manifest))
    }
}

impl Release {
    /// The verified manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0
    }
}

/// The bytes that are signed.
fn signed(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, manifest].concat()
}

/// How many orders of a thousand a release that is let out step by step decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// The steps, from one in a thousand to half.
    pub const STEPS: [Self; 6] = [Self(1), Self(10), Self(50), Self(100), Self(200), Self(500)];

    /// # Errors
    ///
    /// `None` for what is no step.
    pub fn from_per_mille(per_mille: u16) -> Option<Self> {
        Self::STEPS.into_iter().find(|step| step.0 == per_mille)
    }

    /// Of a thousand.
    pub fn per_mille(self) -> u16 {
        self.0
    }

    /// The step after this one; after the last the release is for all.
    pub fn next(self) -> Option<Self> {
        Self::STEPS.into_iter().find(|step| *step > self)
    }

    /// Whether the order is among them: always the same for one order, and each step takes in all
    /// orders of the steps before it.
    pub fn takes(self, order: &OrderId) -> bool {
        bucket(order) < self.0
    }
}

/// Which thousandth of all orders this one belongs to. The id's own digits would not do: the first
/// are the time, and whoever makes ids could choose the others.
fn bucket(order: &OrderId) -> u16 {
    let digest = Sha256::new_with_prefix(b"lezai share of orders\n").chain_update(order.as_str());
    let digest = digest.finalize();
    let first = digest.iter().take(8).fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
    // Below 1000, so it fits.
    u16::try_from(first % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MAXIMA: Limits = Limits { memory: 2_097_152, fuel: 2_000_000, deadline_ms: 5 };

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + seed)).unwrap()
    }

    fn merchant() -> MerchantId {
        MerchantId::parse("m_demo").unwrap()
    }

    fn manifest() -> Manifest {
        Manifest {
            plugin: "night_owls".to_owned(),
            version: "1.0.0".to_owned(),
            digest: sha256_hex(COMPONENT),
            settings_digest: sha256_hex(b"CNY 100"),
            contract: CONTRACT.to_owned(),
            hooks: vec!["risk".to_owned()],
            limits: MAXIMA,
            merchant: merchant(),
            sequence: 7,
            keyid: "demo-plugins".to_owned(),
            created_at: Timestamp::from_ms(1_795_000_000_000),
        }
    }

    fn verify(envelope: &Envelope) -> Result<Release, Refused> {
        let merchant = merchant();
        let expected = Expected {
            merchant: &merchant,
            component: COMPONENT,
            settings: b"CNY 100",
            maxima: MAXIMA,
        };
        envelope.verify(&key(1).verifying_key(), &expected)
    }

    fn sealed(manifest: &Manifest) -> Envelope {
        Envelope::seal(manifest, &key(1)).unwrap()
    }

    #[test]
    fn what_was_sealed_is_a_release() {
        assert_eq!(verify(&sealed(&manifest())).unwrap().manifest(), &manifest());
        // At the limits themselves, and below.
        let frugal = Limits { memory: 65_536, fuel: 1, deadline_ms: 1 };
        verify(&sealed(&Manifest { limits: frugal, ..manifest() })).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_for_what_it_is() {
        let other = MerchantId::parse("m_other").unwrap();
        let over = |limits| sealed(&Manifest { limits, ..manifest() });
        let limits = |what, found, most| Refused::Limits { what, found, most };
        let good = sealed(&manifest());
        let bare = key(1).sign(&good.manifest).to_vec();
        let rows = [
            (
                "another merchant's",
                sealed(&Manifest { merchant: other.clone(), ..manifest() }),
                Refused::Merchant(other),
            ),
            (
                "another component",
                sealed(&Manifest { digest: sha256_hex(b"x"), ..manifest() }),
                Refused::Digest { what: "component", found: sha256_hex(COMPONENT) },
            ),
            (
                "other settings",
                sealed(&Manifest { settings_digest: sha256_hex(b""), ..manifest() }),
                Refused::Digest { what: "settings", found: sha256_hex(b"CNY 100") },
            ),
            (
                "another contract",
                sealed(&Manifest { contract: "lezai:plugin@2.0.0".to_owned(), ..manifest() }),
                Refused::Contract("lezai:plugin@2.0.0".to_owned()),
            ),
            (
                "memory",
                over(Limits { memory: 2_097_153, ..MAXIMA }),
                limits("memory", 2_097_153, 2_097_152),
            ),
            (
                "fuel",
                over(Limits { fuel: 2_000_001, ..MAXIMA }),
                limits("fuel", 2_000_001, 2_000_000),
            ),
            ("time", over(Limits { deadline_ms: 6, ..MAXIMA }), limits("deadline_ms", 6, 5)),
            (
                "another's signature",
                Envelope::seal(&manifest(), &key(2)).unwrap(),
                Refused::Signature,
            ),
            (
                "a signature without the domain",
                Envelope { signature: bare, ..good.clone() },
                Refused::Signature,
            ),
            ("no signature", Envelope { signature: vec![], ..good.clone() }, Refused::Signature),
            (
                "another byte",
                Envelope { manifest: [&good.manifest[..], b" "].concat(), ..good.clone() },
                Refused::Signature,
            ),
        ];
        for (what, envelope, refused) in rows {
            assert_eq!(verify(&envelope), Err(refused), "{what}");
        }
    }

    #[test]
    fn a_manifest_is_read_strictly() {
        let text = String::from_utf8(sealed(&manifest()).manifest).unwrap();
        let long = "a".repeat(MAX_NAME + 1);
        let rows = [
            ("nothing", String::new()),
            ("no object", "[]".to_owned()),
            ("an unknown member", text.replacen('{', "{\"x\":1,", 1)),
            ("a member twice", text.replacen('{', "{\"version\":\"1\",", 1)),
            ("an unknown limit", text.replace("\"fuel\"", "\"x\":1,\"fuel\"")),
            ("a member missing", text.replace("\"keyid\":\"demo-plugins\",", "")),
            ("more after it", format!("{text}{{}}")),
            (
                "a digest in capitals",
                text.replace(&manifest().digest, &manifest().digest.to_uppercase()),
            ),
            ("a short digest", text.replace(&manifest().digest, &manifest().digest[1..])),
            ("no name", text.replace("night_owls", "")),
            ("a long name", text.replace("night_owls", &long)),
            ("a name with a space", text.replace("night_owls", "night owls")),
            ("a long version", text.replace("1.0.0\",\"digest", &format!("{long}\",\"digest"))),
            ("sequence 0", text.replace("\"sequence\":7", "\"sequence\":0")),
            ("sequence with a fraction", text.replace("\"sequence\":7", "\"sequence\":7.0")),
            ("sequence past 2^53", text.replace("\"sequence\":7", "\"sequence\":9007199254740992")),
            ("a negative limit", text.replace("\"fuel\":2000000", "\"fuel\":-1")),
            ("no hooks", text.replace("[\"risk\"]", "[]")),
            ("no merchant", text.replace("m_demo", "demo")),
            ("a byte too long", format!("{text}{}", " ".repeat(MAX_MANIFEST + 1 - text.len()))),
        ];
        for (what, text) in rows {
            let read = Manifest::parse(text.as_bytes());
            assert!(matches!(read, Err(Refused::Malformed(_))), "{what}: {read:?}");
        }
        let longest = format!("{text}{}", " ".repeat(MAX_MANIFEST - text.len()));
        assert_eq!(Manifest::parse(longest.as_bytes()), Ok(manifest()));
        let last = Manifest { sequence: MAX_SEQUENCE, plugin: "a".repeat(MAX_NAME), ..manifest() };
        assert_eq!(sealed(&last).read(), Ok(last));
    }

    #[test]
    fn an_order_is_always_on_the_same_side_and_each_step_takes_in_the_one_before() {
        let order = |n: u16| {
            let [high, low] = n.to_be_bytes();
            let entropy = [high, low, 0, 0, 0, 0, 0, 0, 0, 0];
            OrderId::new(Timestamp::from_ms(1_795_000_000_000), entropy)
        };
        let mut before = 0;
        for share in Share::STEPS {
            let taken: Vec<u16> = (0..20_000).filter(|n| share.takes(&order(*n))).collect();
            let expected = usize::from(share.per_mille()) * 20;
            let spread = expected / 5 + 15;
            assert!(taken.len().abs_diff(expected) < spread, "{share:?}: {}", taken.len());
            if let Some(next) = share.next() {
                assert!(taken.iter().all(|n| next.takes(&order(*n))));
            }
            assert!(taken.len() > before);
            before = taken.len();
        }
        assert_eq!(Share::STEPS[5].next(), None);
        assert_eq!(Share::from_per_mille(1), Some(Share::STEPS[0]));
        assert_eq!(Share::from_per_mille(2), None);
        // Frozen: a gateway that is updated must not move orders from side to side.
        let order = OrderId::parse("ord_019b76da4a801f2e3d4c5b6a79880716").unwrap();
        assert_eq!(bucket(&order), 104);
    }
}
