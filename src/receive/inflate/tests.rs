use std::io::Write;

use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zstd frame that does not say how large it is.
fn zstd_streamed(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// As the door does it; the most room that was tried, too.
fn whole(encoding: Encoding, body: &[u8], limit: usize) -> (Result<Vec<u8>, Outcome>, usize) {
    let mut capacity = match first_capacity(encoding, body, limit) {
        Ok(capacity) => capacity,
        Err(refused) => return (Err(refused), 0),
    };
    loop {
        let mut room = vec![0; capacity];
        match inflate(encoding, body, &mut room) {
            Ok(len) => return (Ok(room[..len].to_vec()), capacity),
            Err(InflateError::Malformed(reason)) => return (Err(Outcome::Malformed(reason.into())), capacity),
            Err(InflateError::Room) => match next_capacity(capacity, limit) {
                Ok(next) => capacity = next,
                Err(refused) => return (Err(refused), capacity),
            },
        }
    }
}

fn malformed(encoding: Encoding, body: &[u8]) -> bool {
    matches!(whole(encoding, body, 1 << 20).0, Err(Outcome::Malformed(_)))
}

#[test]
fn what_is_no_gzip_is_malformed_whatever_its_end_claims() {
    assert!(malformed(Encoding::Gzip, &[b'x'; 5000]));
    assert!(malformed(Encoding::Gzip, &[&b"\x1f\x8b\x08"[..], &[0xff; 300]].concat()));
}

#[test]
fn one_member_is_inflated_into_exactly_its_room() {
    let bytes = b"span ".repeat(10_000);
    assert_eq!(whole(Encoding::Gzip, &gzip(&bytes), 1 << 20), (Ok(bytes.clone()), bytes.len()));
    let known = zstd::bulk::compress(&bytes, 3).unwrap();
    assert_eq!(whole(Encoding::Zstd, &known, 1 << 20).0, Ok(bytes));
}

#[test]
fn members_and_frames_one_after_the_other_are_all_inflated() {
    let (small, large) = (b"x".to_vec(), b"0123456789".repeat(9000));
    // Equal members have equal trailers; stored ones hold the magic number of the others inside.
    let inner = stored(&gzip(&small));
    let bodies = [gzip(&large), gzip(&large), gzip(b""), gzip(&small), inner.clone(), inner, gzip(&small)];
    let wanted = [&large[..], &large, b"", &small, &gzip(&small), &gzip(&small), &small].concat();
    assert_eq!(whole(Encoding::Gzip, &bodies.concat(), 1 << 20).0, Ok(wanted));
    let frames = [zstd_streamed(&large), zstd_streamed(&small), zstd::bulk::compress(&large, 3).unwrap()];
    assert_eq!(whole(Encoding::Zstd, &frames.concat(), 1 << 20).0, Ok([&large[..], &small, &large].concat()));
}

#[test]
fn gzip_that_is_cut_damaged_or_followed_by_anything_is_refused() {
    let good = gzip(&b"some text ".repeat(100));
    for cut in 0..good.len() {
        // What is then taken for its length may be too large.
        assert!(whole(Encoding::Gzip, &good[..cut], 1 << 20).0.is_err(), "cut at {cut}");
    }
    for behind in [&b"\0"[..], b"garbage", b"\x1f\x8b\x08", &good[..20], b"\0\0\0\0\0\0\0\0"] {
        assert!(whole(Encoding::Gzip, &[&good, behind].concat(), 1 << 20).0.is_err(), "followed by {behind:?}");
    }
    let (mut checksum, mut length) = (good.clone(), good.clone());
    checksum[good.len() - 8] ^= 1;
    length[good.len() - 4] ^= 1;
    assert!(malformed(Encoding::Gzip, &checksum) && malformed(Encoding::Gzip, &length));
}

#[test]
fn deflate_is_inflated_and_what_is_cut_or_followed_by_anything_is_refused() {
    let bytes = b"some text ".repeat(50_000);
    let good = zlib(&bytes);
    assert_eq!(whole(Encoding::Zlib, &good, 1 << 20).0, Ok(bytes));
    for cut in 0..good.len() {
        assert!(malformed(Encoding::Zlib, &good[..cut]), "cut at {cut}");
    }
    for behind in [&b"\0"[..], b"garbage", &good[..20]] {
        assert!(malformed(Encoding::Zlib, &[&good, behind].concat()), "followed by {behind:?}");
    }
}

#[test]
fn a_trailer_that_claims_too_much_is_refused_before_inflating() {
    let claiming = |bytes: &[u8], claim: u32| {
        let mut body = gzip(bytes);
        let end = body.len();
        body[end - 4..].copy_from_slice(&claim.to_le_bytes());
        body
    };
    let noise: Vec<u8> =
        (0..512_u64).flat_map(|n| xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()).to_le_bytes()).collect();
    let large = claiming(&noise, u32::MAX);
    assert_eq!(whole(Encoding::Gzip, &large, 1 << 20), (Err(Outcome::TooLarge(1 << 20)), 0));
    // More than deflate can: a lie, and no more room than it can need.
    for claim in [1 << 19, u32::MAX] {
        let little = claiming(b"little", claim);
        let (refused, room) = whole(Encoding::Gzip, &little, 1 << 20);
        assert!(matches!(refused, Err(Outcome::Malformed(_))) && room <= little.len() * DEFLATE_RATIO);
    }
}

#[test]
fn bombs_are_refused_in_bounded_room() {
    let limit = 4 << 20;
    let zeros = vec![0; 16 << 20];
    let gigabytes = [gzip(&zeros).repeat(128), gzip(b"x")].concat();
    let bomb = whole(Encoding::Gzip, &gigabytes, limit);
    assert_eq!(bomb, (Err(Outcome::TooLarge(limit)), limit));
    let streamed = whole(Encoding::Zstd, &zstd_streamed(&zeros).repeat(128), limit);
    assert_eq!(streamed, (Err(Outcome::TooLarge(limit)), limit));
    assert_eq!(whole(Encoding::Zlib, &zlib(&zeros.repeat(8)), limit), (Err(Outcome::TooLarge(limit)), limit));
    let known = zstd::bulk::compress(&zeros, 3).unwrap().repeat(128);
    assert_eq!(whole(Encoding::Zstd, &known, limit), (Err(Outcome::TooLarge(limit)), 0));
}

#[test]
fn a_limit_is_met_exactly() {
    let bytes = b"y".repeat(100_000);
    for (encoding, body) in [
        (Encoding::Gzip, gzip(&bytes)),
        (Encoding::Zlib, zlib(&bytes)),
        (Encoding::Zstd, zstd_streamed(&bytes)),
        (Encoding::Zstd, zstd::bulk::compress(&bytes, 3).unwrap()),
    ] {
        assert_eq!(whole(encoding, &body, 100_000).0, Ok(bytes.clone()));
        assert_eq!(whole(encoding, &body, 99_999).0, Err(Outcome::TooLarge(99_999)));
    }
}

#[test]
fn an_encoding_is_known_by_its_name_alone() {
    let parse = |name: &'static str| Encoding::parse(Some(&http::HeaderValue::from_static(name)));
    assert_eq!(parse("GZIP"), Ok(Encoding::Gzip));
    assert_eq!(parse(" zstd "), Ok(Encoding::Zstd));
    assert_eq!((parse("deflate"), parse("zlib")), (Ok(Encoding::Zlib), Ok(Encoding::Zlib)));
    assert_eq!((parse(""), parse("identity")), (Ok(Encoding::Identity), Ok(Encoding::Identity)));
    assert_eq!(Encoding::parse(None), Ok(Encoding::Identity));
    assert_eq!(parse("gzip, zstd"), Err(Outcome::Encoding("gzip, zstd".into())));
    assert_eq!(parse("br"), Err(Outcome::Encoding("br".into())));
}

proptest! {
    #[test]
    fn any_members_inflate_to_what_they_were_made_of(parts in prop::collection::vec(prop::collection::vec(0_u8..4, 0..300), 1..8)) {
        let body: Vec<u8> = parts.iter().enumerate().flat_map(|(n, part)| if n % 2 == 0 { gzip(part) } else { stored(part) }).collect();
        prop_assert_eq!(whole(Encoding::Gzip, &body, 1 << 20).0, Ok(parts.concat()));
    }

    #[test]
    fn no_bytes_bring_the_inflaters_down(bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<(usize, u8)>()) {
        for (encoding, mut body) in [(Encoding::Gzip, gzip(&bytes)), (Encoding::Zlib, zlib(&bytes)), (Encoding::Zstd, zstd_streamed(&bytes)), (Encoding::Zstd, bytes.clone())] {
            if !body.is_empty() {
                let at = flip.0 % body.len();
                body[at] ^= flip.1;
            }
            let (result, room) = whole(encoding, &body, 1 << 16);
            prop_assert!(room <= 1 << 16 && result.map_or(0, |out| out.len()) <= 1 << 16);
        }
    }
}
