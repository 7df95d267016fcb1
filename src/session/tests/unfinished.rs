//! Spans that were sent before they were over, and what never came.

use super::*;

/// A request with one span that has no end yet.
fn open(spec: &Spec) -> ExportTraceServiceRequest {
    let mut request = request(std::slice::from_ref(spec));
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 0;
    request
}

#[test]
fn a_trace_does_not_settle_while_a_span_of_it_is_not_over() {
    for whole_first in [false, true] {
        let mut world = world();
        let (root, child) = (span(1, 1, 0), span(1, 2, 1));
        world.send(&[root]);
        if whole_first {
            world.send(std::slice::from_ref(&child));
        }
        world.put(&open(&child));
        world.pump();
        world.wait(11);
        assert_eq!(world.sessions().len(), usize::from(whole_first), "{whole_first}");
        if !whole_first {
            world.send(&[child]);
            world.wait(11);
            let sessions = world.sessions();
            assert_eq!((sessions.len(), sessions[0].unfinished, sessions[0].complete), (1, 0, true));
        }
    }
    let mut world = world();
    world.send(&[span(1, 1, 0)]);
    world.put(&open(&span(1, 2, 1)));
    world.pump();
    world.wait(3600);
    let sessions = world.sessions();
    assert_eq!((sessions.len(), sessions[0].unfinished, sessions[0].complete), (1, 1, false));
}

#[test]
fn where_no_root_comes_the_uppermost_span_tells_whether_the_session_failed() {
    for failed in [false, true] {
        let mut world = world();
        world.send(&[Spec { error: failed, ..span(1, 2, 1) }, span(1, 3, 2)]);
        world.wait(3600);
        let sessions = world.sessions();
        assert_eq!((sessions.len(), sessions[0].failed()), (1, failed));
        assert_eq!(sessions[0].status(), if failed { "error" } else { "unset" });
    }
}

#[test]
fn late_spans_of_what_a_drop_rule_dropped_are_dropped_too() {
    let mut world = world();
    world.send(&[span(1, 1, 0).session("drop"), span(2, 1, 0).session("unlucky")]);
    world.wait(3600);
    assert_eq!(world.verdicts().len(), 2);
    world.send(&[Spec { error: true, ..span(1, 2, 1) }, span(2, 2, 1)]);
    world.wait(3600);
    let verdicts = world.verdicts();
    assert_eq!(verdicts.iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>(), ["unlucky"]);
    assert_eq!((world.total().dropped.spans, world.kept.lock().unwrap().len()), (4, 0));
}
