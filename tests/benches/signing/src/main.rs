//! The cost of a P-256 signature and a SHA-256 by each well-kept library: `make bench-signing`.
//!
//! Every library signs and verifies the same message with the same key, prepared as a server would
//! keep it, and what one signs the others must verify.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a measurement that fails says so"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use lezai_core::key::SigningKey;
use sha2::{Digest as _, Sha256};

/// As long as the signature base of an order's answer.
const MESSAGE: [u8; 700] = [b'm'; 700];
/// As long as an order's answer.
const BODY: [u8; 1_400] = [b'b'; 1_400];
const SECRET: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";
/// The best of so many: the machine may have other work.
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(150);

fn main() {
    let key = SigningKey::from_entropy(&SECRET).unwrap();
    let public = key.verifying_key();
    let point = public.to_sec1_bytes();
    let signature = key.sign(&MESSAGE);

    let ring_random = ring::rand::SystemRandom::new();
    let ring_key = ring::signature::EcdsaKeyPair::from_private_key_and_public_key(
        &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &SECRET,
        &point,
        &ring_random,
    )
    .unwrap();
    let ring_public =
        ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point);
    ring_public.verify(&MESSAGE, &signature).unwrap();
    let by_ring = ring_key.sign(&ring_random, &MESSAGE).unwrap();
    public.verify(&MESSAGE, by_ring.as_ref()).unwrap();

    let aws_random = aws_lc_rs::rand::SystemRandom::new();
    let aws_key = aws_lc_rs::signature::EcdsaKeyPair::from_private_key_and_public_key(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &SECRET,
        &point,
    )
    .unwrap();
    let aws_public = aws_lc_rs::signature::ParsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        point,
    )
    .unwrap();
    aws_public.verify_sig(&MESSAGE, &signature).unwrap();
    let by_aws = aws_key.sign(&aws_random, &MESSAGE).unwrap();
    public.verify(&MESSAGE, by_aws.as_ref()).unwrap();

    println!("| library | sign | verify | SHA-256 of {} bytes |\n|---|---|---|---|", BODY.len());
    row(
        "p256, with precomputed tables; sha2",
        || key.sign(black_box(&MESSAGE)),
        || public.verify(black_box(&MESSAGE), &signature).unwrap(),
        || Sha256::digest(black_box(&BODY)),
    );
    row(
        "ring",
        || ring_key.sign(&ring_random, black_box(&MESSAGE)).unwrap(),
        || ring_public.verify(black_box(&MESSAGE), &signature).unwrap(),
        || ring::digest::digest(&ring::digest::SHA256, black_box(&BODY)),
    );
    row(
        "aws-lc-rs",
        || aws_key.sign(&aws_random, black_box(&MESSAGE)).unwrap(),
        || aws_public.verify_sig(black_box(&MESSAGE), &signature).unwrap(),
        || aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, black_box(&BODY)),
    );
}

fn row<S, V, H>(name: &str, sign: impl Fn() -> S, verify: impl Fn() -> V, hash: impl Fn() -> H) {
    println!("| {name} | {:.1} µs | {:.1} µs | {:.1} µs |", best(sign), best(verify), best(hash));
}

/// Microseconds for one, in the best of the rounds.
fn best<T>(work: impl Fn() -> T) -> f64 {
    let round = || {
        let (begun, mut done) = (Instant::now(), 0_u32);
        while begun.elapsed() < ROUND {
            for _ in 0..16 {
                black_box(work());
            }
            done += 16;
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(done)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::MAX, f64::min)
}
