//! OTLP/JSON against the JSON of opentelemetry-proto, in both directions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod otlp_common;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use otlp_common::{Dice, Kind, oddly, recordings, request};
use proptest::prelude::*;
use prost::Message;
use tailsieve::otlp::json::{from_json, to_json};

fn read(json: &[u8]) -> Request {
    let mut wire = Vec::new();
    from_json(json, &mut wire).unwrap_or_else(|error| panic!("{error}"));
    Request::decode(wire.as_slice()).unwrap()
}

fn written(wire: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    to_json(wire, &mut json).unwrap();
    assert!(!json.contains(&b'\n'), "one line");
    json
}

/// Whether there is a double anywhere. opentelemetry-proto cannot read one back where serde_json keeps numbers as text
/// (`arbitrary_precision`), as it does here.
fn has_double(request: &Request) -> bool {
    format!("{request:?}").contains("DoubleValue")
}

#[test]
fn every_recording_goes_to_json_and_back() {
    let mut read_back = 0;
    for (path, wire) in recordings() {
        let request = Request::decode(wire.as_slice()).unwrap();
        let json = written(&wire);
        assert_eq!(read(&json), request, "{}", path.display());
        assert_eq!(read(&serde_json::to_vec(&request).unwrap()), request, "{}", path.display());
        if !has_double(&request) {
            assert_eq!(serde_json::from_slice::<Request>(&json).unwrap(), request, "{}", path.display());
            read_back += 1;
        }
    }
    assert!(read_back > 100, "{read_back}");
}

#[test]
fn a_recording_in_json_cut_anywhere_is_an_error() {
    let (_, wire) = recordings().into_iter().min_by_key(|(_, wire)| wire.len()).unwrap();
    let json = written(&wire);
    for cut in 0..json.len() {
        let mut out = Vec::new();
        assert!(from_json(&json[..cut], &mut out).is_err() && out.is_empty(), "cut at {cut}");
    }
}

#[test]
fn infinite_and_undefined_numbers_go_to_json_and_back() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX] {
        let json = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{{"doubleValue":"{number}"}}}}]}}}}]}}"#,
        );
        let json = json.replace("\"inf\"", "\"Infinity\"").replace("\"-inf\"", "\"-Infinity\"");
        let mut wire = Vec::new();
        from_json(json.as_bytes(), &mut wire).unwrap();
        let request = read(&written(&wire));
        let value = request.resource_spans[0].resource.clone().unwrap().attributes[0].value.clone().unwrap().value;
        let Some(Value::DoubleValue(back)) = value else { panic!("{value:?}") };
        assert!(back.to_bits() == number.to_bits() || back.is_nan() && number.is_nan(), "{number} is {back}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_requests_go_to_json_and_back(request in request(), seed in any::<u64>()) {
        let wire = oddly(&request.encode_to_vec(), Kind::Request, &mut Dice(seed));
        let json = written(&wire);
        prop_assert_eq!(&read(&json), &request);
        if !has_double(&request) {
            prop_assert_eq!(&serde_json::from_slice::<Request>(&json).unwrap(), &request);
        }
    }

    #[test]
    fn the_json_of_others_is_read(request in request(), pretty in any::<bool>()) {
        let json = match pretty {
            true => serde_json::to_vec_pretty(&request),
            false => serde_json::to_vec(&request),
        };
        prop_assert_eq!(read(&json.unwrap()), request);
    }

    #[test]
    fn mutated_json_is_read_or_an_error_and_what_serde_json_refuses_is_refused(
        request in request(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut json = serde_json::to_vec(&request).unwrap();
        for (at, byte, edit) in edits {
            let at = at.index(json.len());
            match edit {
                0 => json[at] = byte,
                1 => json.insert(at, byte),
                _ if json.len() > 1 => drop(json.remove(at)),
                _ => {}
            }
        }
        let mut wire = Vec::new();
        if from_json(&json, &mut wire).is_ok() {
            prop_assert!(Request::decode(wire.as_slice()).is_ok());
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_written_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut json = Vec::new();
        if to_json(&bytes, &mut json).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
    }
}
