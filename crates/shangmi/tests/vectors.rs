//! Vectors of the standards, signatures that OpenSSL made, and what must never verify.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test that called")]

use lezai_core::key::{Algorithm, KeyError, Verify as _};
use lezai_shangmi::{IDENTITY, ShangmiError, SigningKey, VerifyingKey};
use proptest::prelude::*;
use sm3::{Digest as _, Sm3};

/// GM/T 0003.5-2012, appendix A: the example on the recommended curve, signed as [`IDENTITY`].
const X: &str = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020";
const Y: &str = "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
const R: &str = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3";
const S: &str = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
const MESSAGE: &[u8] = b"message digest";
/// The same standard: p and the order n.
const PRIME: &str = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF";
const ORDER: &str = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123";
/// The object identifiers of SM2's curve and of P-256, as DER.
const SM2: &str = "06082A811CCF5501822D";
const P256: &str = "06082A8648CE3D030107";

/// A key of OpenSSL 3.0.19: `openssl genpkey -algorithm SM2`.
const OPENSSL_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgEe++AWgSJanKgB+0
oYGQGljfj4IaTnIhTzAw0YyiejehRANCAAQXn+IfkxLU4kDyfJIlrxfWDYsOmzG7
8oAhTM5txABIo6wFJXaij0arQnPw7jX9Mbx6LIPHHRivQTEd6npCAkGf
-----END PRIVATE KEY-----
";
const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEF5/iH5MS1OJA8nySJa8X1g2LDpsx
u/KAIUzObcQASKOsBSV2oo9Gq0Jz8O41/TG8eiyDxx0Yr0ExHep6QgJBnw==
-----END PUBLIC KEY-----
";
/// `openssl pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678` with that key over
/// [`MESSAGE`], over nothing, and over 300 times the letter a; r and s of its DER.
const OPENSSL_SIGNED: [(&[u8], &str, &str); 3] = [
    (
        MESSAGE,
        "7C453F01952972236FD3D40B7022B7BE2BD981173EBBF1FB1E6987085F61851C",
        "7A95335341C6482A463C264C847A5AFB4060B2668B41853D0E45F329070C8896",
    ),
    (
        b"",
        "3CB865B5649C784F1155EDCB967C64D0337ABBEDB2E776312210FCC531D8DFEC",
        "F19252440B7C00635D0283FA676413904B364B674FBB61B18ED0D61FA20BEB86",
    ),
    (
        &[b'a'; 300],
        "9414B120CF8CAF11AA9453BEA1ECB4A182D6B9C17DFD4C4A2F3F09F32641BA4E",
        "FA8C8D4F2034860F6C426659445670268A3DE31D8A65701F30FC487342D459D3",
    ),
];
/// The same key over [`MESSAGE`] with `distid:ALICE123@YAHOO.COM`, the identity of GM/T 0003.2's examples.
const OF_ALICE: (&str, &str) = (
    "8EF5227464F376FF6687CA8A848E38CCABA76504AA6F2279C62B4DE332A6184A",
    "6F39FF5E1634812512BD4E3318A068CBBC3F177EF0B8440001FDA9B33689DDCB",
);

#[test]
fn sm3_is_gm_t_0004_s() {
    // GM/T 0004-2012, appendix A.1 and A.2.
    for (message, digest) in [
        ("abc".to_owned(), "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"),
        ("abcd".repeat(16), "DEBE9FF92275B8A138604889C18E5A4D6FDB70E5387E5765293DCBA39C0C5732"),
    ] {
        assert_eq!(Sm3::digest(message).as_slice(), unhex(digest));
    }
}

#[test]
fn sm2_is_gm_t_0003_s() {
    assert_eq!(IDENTITY, "1234567812345678");
    let key = standard_key();
    assert_eq!(key.algorithm(), Algorithm::Sm2Sm3);
    let signature = raw(R, S);
    assert_eq!(key.verify(MESSAGE, &signature), Ok(()));
    assert_eq!(key.verify(b"message digesT", &signature), Err(KeyError::Signature));
    assert_eq!(key.verify(b"", &signature), Err(KeyError::Signature));
}

#[test]
fn openssl_s_signatures_verify() {
    let key = VerifyingKey::from_spki_pem(OPENSSL_PUBLIC).unwrap();
    for (message, r, s) in OPENSSL_SIGNED {
        assert_eq!(key.verify(message, &raw(r, s)), Ok(()));
        assert_eq!(standard_key().verify(message, &raw(r, s)), Err(KeyError::Signature));
    }
}

#[test]
fn another_identity_s_signature_does_not_verify() {
    let key = VerifyingKey::from_spki_pem(OPENSSL_PUBLIC).unwrap();
    let (r, s) = OF_ALICE;
    assert_eq!(key.verify(MESSAGE, &raw(r, s)), Err(KeyError::Signature));
}

#[test]
fn a_key_survives_each_of_its_forms() {
    let key = SigningKey::from_pkcs8_pem(OPENSSL_KEY).unwrap();
    assert_eq!(key.to_pkcs8_pem().unwrap(), OPENSSL_KEY);
    assert_eq!(key.verifying_key().to_spki_pem().unwrap(), OPENSSL_PUBLIC);
    let signature = key.sign(MESSAGE).unwrap();
    let public = VerifyingKey::from_spki_pem(OPENSSL_PUBLIC).unwrap();
    assert_eq!(public.verify(MESSAGE, &signature), Ok(()));
    assert_eq!(key.sign(MESSAGE).unwrap(), signature);
    assert_ne!(key.sign(b"").unwrap()[..32], signature[..32], "one secret number for two messages");
}

#[test]
fn numbers_out_of_range_and_other_forms_are_refused() {
    let key = standard_key();
    let (r, s, n) = (unhex(R), unhex(S), unhex(ORDER));
    let (zero, most) = (vec![0; 32], vec![255; 32]);
    for (signature, why) in [
        (Vec::new(), "nothing"),
        ([zero.clone(), zero.clone()].concat(), "zeros"),
        ([zero.clone(), s.clone()].concat(), "r is zero"),
        ([r.clone(), zero].concat(), "s is zero"),
        ([n.clone(), s.clone()].concat(), "r is n"),
        ([r.clone(), n.clone()].concat(), "s is n"),
        ([r.clone(), most.clone()].concat(), "s is above n"),
        ([most.clone(), s.clone()].concat(), "r is above n"),
        ([most.clone(), most].concat(), "both are above n"),
        ([r.clone(), minus(&n, &s)].concat(), "the second half of ECDSA's pair"),
        ([minus(&n, &r), s.clone()].concat(), "r from the other end"),
        ([r.clone(), minus(&n, &r)].concat(), "r + s is n"),
        ([s.clone(), r.clone()].concat(), "the halves the wrong way round"),
        ([r.clone(), s.clone(), vec![0]].concat(), "a byte more"),
        ([vec![0], r.clone(), s.clone()].concat(), "a byte before"),
        ([&r[..], &s[..31]].concat(), "a byte less"),
        (der(&r, &s), "DER"),
        (R.bytes().chain(S.bytes()).collect(), "hex"),
    ] {
        assert_eq!(key.verify(MESSAGE, &signature), Err(KeyError::Signature), "{why}");
    }
}

#[test]
fn only_points_of_the_curve_are_keys() {
    let (x, y, p) = (unhex(X), unhex(Y), unhex(PRIME));
    let off = [&y[..31], &[y[31] ^ 1]].concat();
    let uncompressed = |x: &[u8], y: &[u8]| [&[4][..], x, y].concat();
    // Its other solution: a point of the curve, and another key.
    let mirrored = uncompressed(&x, &minus(&p, &y));
    let other = VerifyingKey::from_spki_pem(&spki(SM2, &mirrored)).unwrap();
    assert_eq!(other.verify(MESSAGE, &raw(R, S)), Err(KeyError::Signature));
    for (oid, point, why) in [
        (SM2, uncompressed(&x, &off), "not on the curve"),
        (SM2, uncompressed(&y, &x), "the halves the wrong way round"),
        (SM2, uncompressed(&[0; 32], &[0; 32]), "zeros"),
        (SM2, uncompressed(&p, &y), "x is p"),
        (SM2, uncompressed(&x, &[255; 32]), "y is above p"),
        (SM2, vec![0], "the point at infinity"),
        (SM2, [&[4][..], &x].concat(), "half of a point"),
        (SM2, Vec::new(), "nothing"),
        (P256, uncompressed(&x, &y), "the name of another curve"),
    ] {
        let read = VerifyingKey::from_spki_pem(&spki(oid, &point));
        assert_eq!(read.err(), Some(ShangmiError::PublicPem), "{why}");
    }
    for text in ["", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", OPENSSL_KEY] {
        assert_eq!(VerifyingKey::from_spki_pem(text).err(), Some(ShangmiError::PublicPem));
    }
    assert_eq!(SigningKey::from_pkcs8_pem(OPENSSL_PUBLIC).err(), Some(ShangmiError::PrivatePem));
}

#[test]
fn a_key_of_p_256_is_none_of_sm2_s() {
    let p256 = lezai_core::key::SigningKey::from_entropy(&std::array::from_fn(|i| {
        u8::try_from(i).unwrap() + 1
    }))
    .unwrap();
    let (private, public) =
        (p256.to_pkcs8_pem().unwrap(), p256.verifying_key().to_spki_pem().unwrap());
    assert_eq!(SigningKey::from_pkcs8_pem(&private).err(), Some(ShangmiError::PrivatePem));
    assert_eq!(VerifyingKey::from_spki_pem(&public).err(), Some(ShangmiError::PublicPem));
    let core = lezai_core::key::VerifyingKey::from_spki_pem(OPENSSL_PUBLIC);
    assert_eq!(core, Err(KeyError::PublicPem));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_key_signs_verifies_until_a_bit_changes(
        message in proptest::collection::vec(any::<u8>(), 0..300),
        bit in 0..512_usize,
    ) {
        let key = SigningKey::from_pkcs8_pem(OPENSSL_KEY).unwrap();
        let mut signature = key.sign(&message).unwrap();
        prop_assert_eq!(key.verifying_key().verify(&message, &signature), Ok(()));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.verifying_key().verify(&message, &signature), Err(KeyError::Signature));
    }
}

fn standard_key() -> VerifyingKey {
    let point = [vec![4], unhex(X), unhex(Y)].concat();
    VerifyingKey::from_spki_pem(&spki(SM2, &point)).unwrap()
}

fn raw(r: &str, s: &str) -> Vec<u8> {
    [unhex(r), unhex(s)].concat()
}

/// A public key (RFC 5480) with this curve and point, whatever they are.
fn spki(curve: &str, point: &[u8]) -> String {
    let algorithm = [unhex("06072A8648CE3D0201"), unhex(curve)].concat();
    let algorithm = tagged(0x30, &algorithm);
    let key = tagged(3, &[&[0], point].concat());
    let der = tagged(0x30, &[algorithm, key].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| tagged(2, &[&[0], bytes].concat());
    tagged(0x30, &[integer(r), integer(s)].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[tag, length], content].concat()
}

/// In lines of 64, as PEM has it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = String::new();
    for group in bytes.chunks(3) {
        let whole = group.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        let whole = whole << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(whole >> (18 - 6 * place)) as usize & 63];
            digits.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    let lines: Vec<_> =
        digits.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

fn minus(from: &[u8], take: &[u8]) -> Vec<u8> {
    let mut difference = from.to_vec();
    let mut borrow = false;
    for (digit, take) in difference.iter_mut().zip(take).rev() {
        let (first, under) = digit.overflowing_sub(*take);
        let (second, under_too) = first.overflowing_sub(u8::from(borrow));
        (*digit, borrow) = (second, under || under_too);
    }
    difference
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
