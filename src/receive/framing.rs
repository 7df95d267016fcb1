//! Protobuf requests that are passed on: nobody here reads them, so that what is no request at all is told here.

use crate::flow::Signal;
use crate::otlp::fields::{logs, metrics};
use crate::otlp::wire::{Reader, WireError};

/// Checks the two outermost levels of a request of logs or metrics, or says why it is none: their framing, and that their
/// known fields are length-delimited.
pub(super) fn check(signal: Signal, request: &[u8]) -> Result<(), String> {
    use metrics::resource_metrics;
    let (name, resources, parts) = match signal {
        // The walk reads them whole.
        Signal::Traces => return Ok(()),
        Signal::Logs => (
            "ExportLogsServiceRequest",
            logs::request::RESOURCE_LOGS,
            [logs::resource_logs::RESOURCE, logs::resource_logs::SCOPE_LOGS, logs::resource_logs::SCHEMA_URL],
        ),
        Signal::Metrics => (
            "ExportMetricsServiceRequest",
            metrics::request::RESOURCE_METRICS,
            [resource_metrics::RESOURCE, resource_metrics::SCOPE_METRICS, resource_metrics::SCHEMA_URL],
        ),
    };
    levels(request, resources, &parts).map_err(|error| format!("not an {name}: {error}"))
}

fn levels(request: &[u8], resources: u32, parts: &[u32]) -> Result<(), WireError> {
    let mut outer = Reader::new(request);
    while let Some(field) = outer.next_field()? {
        if field.number != resources {
            continue;
        }
        let body = field.value.bytes(field.start)?;
        let at = field.end - body.len();
        let within = |error: WireError| WireError { offset: at + error.offset, ..error };
        let mut inner = Reader::new(body);
        while let Some(part) = inner.next_field().map_err(within)? {
            if parts.contains(&part.number) {
                part.value.bytes(part.start).map_err(within)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_told_with_its_place() {
        for (body, expected) in [
            (&b"abc"[..], "message ends inside a field at byte 1"),
            (&[0x08, 0x01], "field has the wrong wire type at byte 0"),
            (&[0x0a, 0x02, 0x08, 0x01], "field has the wrong wire type at byte 2"),
            (&[0x0a, 0x04, 0x0a, 0x00, 0x10, 0x01], "field has the wrong wire type at byte 4"),
            (&[0x0a, 0x03, 0x12, 0x05, 0x00], "message ends inside a field at byte 4"),
            (&[0x0a, 0x01, 0x0f], "invalid wire type at byte 2"),
            (&[0x00], "field number out of range at byte 0"),
        ] {
            assert_eq!(check(Signal::Logs, body).unwrap_err(), format!("not an ExportLogsServiceRequest: {expected}"));
            assert_eq!(
                check(Signal::Metrics, body).unwrap_err(),
                format!("not an ExportMetricsServiceRequest: {expected}")
            );
        }
    }

    #[test]
    fn fields_of_other_versions_and_what_lies_deeper_are_left_alone() {
        let unknown = [0x9a, 0x3f, 2, b'h', b'i'];
        let with_resource = [&[0x0a, 0x08, 0x12, 0x01, 0xff][..], &unknown, &unknown].concat();
        for body in [&[][..], &unknown, &with_resource] {
            assert_eq!(check(Signal::Logs, body), Ok(()));
            assert_eq!(check(Signal::Metrics, body), Ok(()));
        }
    }
}
