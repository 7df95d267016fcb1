//! Scenarios of model SDKs that write spans of their own, in traces of their own, beside those of instrumentations.

use super::account::{Told, chat, judged, send, told};
use super::*;

const SDK: &str = "com.anthropic.sdk.python";

/// A call that an instrumentation tells of, below the root of its trace.
fn call(trace: u8, time: (u64, u64), answer: &str) -> Told {
    chat((trace, 2, 1), time, 10, 38).with("gen_ai.response.id", answer)
}

/// What the SDK tells of one, in a trace of its own.
fn own(trace: u8, time: (u64, u64), answer: &str) -> Told {
    chat((trace, 1, 0), time, 10, 35).with("gen_ai.response.id", answer).by(SDK)
}

fn root(trace: u8) -> Told {
    told("my.app", (trace, 1, 0), (0, 1000))
}

/// Keys, spans and calls of the sessions that are judged.
fn sessions(world: World) -> Vec<(String, u32, u32)> {
    let fact = |it: &Session| (it.key.to_string(), it.spans, it.sums().llm_calls);
    judged(world).iter().map(fact).collect()
}

/// What a session of that trace is called.
fn key(trace: u8) -> String {
    format!("{trace:02x}").repeat(16)
}

#[test]
fn the_trace_of_a_sdk_joins_the_one_that_tells_of_the_same_answer_in_whatever_order_they_stand_in_a_request() {
    let all = [own(9, (11, 99), "msg_1"), call(1, (10, 100), "msg_1"), root(1)];
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        let mut world = world();
        send(&mut world, &order.map(|at| all[at].clone()));
        let session = judged(world).remove(0);
        let sums = session.sums();
        assert_eq!((session.key.to_string(), session.spans, session.turns.len()), (key(1), 3, 2), "{order:?}");
        assert_eq!((sums.llm_calls, sums.tokens.input, sums.tokens.output), (1, 10, 35), "{order:?}");
        assert!(session.complete);
    }
}

#[test]
fn it_joins_over_requests_and_shards_before_and_behind_what_it_follows() {
    for sdk_first in [true, false] {
        let mut world = world();
        // The first of all, so that answers are noted from here on.
        send(&mut world, &[own(250, (0, 5), "msg_0")]);
        for number in 0..20 {
            let id = format!("msg_{}", number + 1);
            let parts =
                [vec![own(100 + number, (11, 99), &id)], vec![call(1 + number, (10, 100), &id), root(1 + number)]];
            let order = if sdk_first { [0, 1] } else { [1, 0] };
            for at in order {
                send(&mut world, &parts[at]);
                world.wait(1);
            }
        }
        world.wait(5);
        assert_eq!(world.total().moved_in.spans > 0, sdk_first, "what comes behind goes to its shard at once");
        let mut wanted: Vec<_> = (1..=20).map(|trace| (key(trace), 3, 1)).collect();
        wanted.push((key(250), 1, 1));
        assert_eq!(sessions(world), wanted, "the SDK first: {sdk_first}");
    }
}

#[test]
fn it_goes_where_the_trace_that_it_follows_gets_a_name_later() {
    for apart in [0, 3] {
        let mut world = world();
        for trace in 1..=10 {
            let call = |id, from, answer: &str| {
                chat((trace, id, 1), (from, from + 90), 10, 38).with("gen_ai.response.id", answer)
            };
            let [first, second, third] = ["first", "second", "third"].map(|answer| format!("{answer}_{trace}"));
            send(&mut world, &[own(100 + trace, (11, 99), &first)]);
            world.wait(apart);
            send(&mut world, &[call(2, 10, &first)]);
            send(&mut world, &[own(200 + trace, (211, 299), &second)]);
            send(&mut world, &[call(3, 210, &second)]);
            world.wait(11);
            send(&mut world, &[own(50 + trace, (411, 499), &third), call(4, 410, &third)]);
            send(&mut world, &[root(trace).session("keep")]);
            assert_eq!(world.total().sessions, 1, "all went at once");
        }
        let kept = world.kept.clone();
        assert_eq!(sessions(world), [("keep".into(), 70, 30)], "{apart}");
        let kept = kept.lock().unwrap();
        assert_eq!((kept.len(), kept[0].spans.len()), (1, 70));
    }
}

#[test]
fn it_follows_into_a_session_that_has_an_id() {
    let mut world = world();
    send(&mut world, &[own(9, (11, 99), "msg_1"), call(1, (10, 100), "msg_1").session("s"), root(1)]);
    assert_eq!(sessions(world), [("s".into(), 3, 1)]);
}

#[test]
fn nothing_is_joined_on_less() {
    let apart = |sdk: Told, call: Told| {
        let mut world = world();
        send(&mut world, &[sdk, call, root(1)]);
        let mut keys: Vec<_> = sessions(world).into_iter().map(|(key, ..)| key).collect();
        keys.retain(|own| *own != key(1));
        keys
    };
    let calls = || call(1, (10, 100), "msg_1");
    assert_eq!(apart(own(9, (11, 99), "msg_1"), calls()), [""; 0]);
    assert_eq!(apart(own(9, (300, 390), "msg_1"), calls()), [key(9)], "at another time");
    assert_eq!(apart(own(9, (60, 150), "msg_1"), calls()), [key(9)], "half of it at another time");
    assert_eq!(apart(own(9, (11, 99), "msg_2"), calls()), [key(9)], "another answer");
    assert_eq!(apart(own(9, (11, 99), "[REDACTED]"), call(1, (10, 100), "[REDACTED]")), [key(9)], "no id");
    assert_eq!(apart(own(9, (11, 99), "msg_1").session("other"), calls()), ["other"], "a session of its own");
    assert_eq!(apart(own(9, (11, 99), "msg_1").by("some.gateway"), calls()), [key(9)], "no SDK");
    assert_eq!(apart(own(9, (11, 99), "msg_1"), calls().by(SDK)), [key(9)], "the SDK told twice");
}

#[test]
fn of_two_that_tell_of_an_answer_of_one_id_each_follows_its_own() {
    let mut world = world();
    let calls = [(1, 9, 0), (2, 8, 200), (3, 7, 20)];
    for (trace, sdk, from) in calls {
        send(&mut world, &[own(sdk, (from + 1, from + 99), "chatcmpl-123")]);
        send(&mut world, &[call(trace, (from, from + 100), "chatcmpl-123"), root(trace)]);
    }
    let judged = judged(world);
    let turns = |session: &Session| session.turns.iter().map(|turn| turn.trace_id.0[0]).collect::<Vec<_>>();
    let pairs: Vec<Vec<u8>> = judged
        .iter()
        .map(|session| {
            let mut turns = turns(session);
            turns.sort_unstable();
            turns
        })
        .collect();
    assert_eq!(pairs, [[1, 9], [2, 8], [3, 7]]);
}

#[test]
fn a_sdk_that_comes_behind_the_verdict_follows_it() {
    for failed in [true, false] {
        let mut world = world();
        send(&mut world, &[own(250, (0, 5), "msg_0")]);
        let root = if failed { root(1).failed() } else { root(1) };
        send(&mut world, &[call(1, (10, 100), "msg_1"), root]);
        world.wait(20);
        world.verdicts();
        send(&mut world, &[own(9, (11, 99), "msg_1")]);
        send(&mut world, &[told("http", (9, 2, 1), (20, 30))]);
        let late: Vec<_> = world.kept.lock().unwrap().iter().map(|kept| kept.verdict.reason).collect();
        assert_eq!(late, if failed { vec![Reason::Settled, Reason::Late, Reason::Late] } else { vec![] });
        world.wait(20);
        let again: Vec<_> = world.sessions().iter().map(|it| (it.key.to_string(), it.sequence, it.spans)).collect();
        assert_eq!(again, if failed { vec![] } else { vec![(key(1), 2, 2)] }, "the next burst of what was dropped");
        assert_eq!((world.log.usage().live, world.total().held.spans), (0, 0));
    }
}

#[test]
fn its_root_is_no_turn_s_and_the_first_token_is_that_of_the_turn_that_it_tells_of() {
    let timed = |told: Told| told.put("gen_ai.response.time_to_first_chunk", any_value::Value::DoubleValue(0.05));
    let mut world = world();
    // The SDK gave up, and the application went on.
    let failed = timed(own(9, (411, 499), "msg_1")).failed();
    let well = chat((1, 4, 1), (600, 700), 10, 5);
    send(&mut world, &[failed, call(1, (410, 500), "msg_1"), well, root(1)]);
    let session = judged(world).remove(0);
    assert_eq!(session.turns.iter().map(|turn| turn.beside).collect::<Vec<_>>(), [false, true]);
    assert_eq!((session.status(), session.failed(), session.error_count), ("unset", false, 1));
    let mut world = World::new(1, &config::Sessions::default());
    send(&mut world, &[timed(own(9, (411, 499), "msg_1")), call(1, (410, 500), "msg_1"), root(1)]);
    let felt = judged(world).remove(0).sums().felt_ttft.clone();
    assert!((felt[0] - 0.461).abs() < 1e-9 && felt[1].is_nan(), "{felt:?}");
}

#[test]
fn a_flush_joins_what_has_not_been_judged_alone_yet() {
    let mut world = World::new(1, &config::Sessions::default());
    send(&mut world, &[own(9, (11, 99), "msg_1")]);
    send(&mut world, &[call(1, (10, 100), "msg_1"), root(1)]);
    let (done, _wait) = crossbeam_channel::bounded(1);
    world.intake.mail.send(0, Message::Flush(done));
    world.pump();
    assert_eq!(world.verdicts(), [(key(1), 3, Reason::Shutdown)]);
}

#[test]
fn more_than_may_be_open_at_once_do_not_follow() {
    let config = config::Sessions { max_open_traces: 10, ..config::Sessions::default() };
    let mut world = World::new(3, &config);
    let mut spans = Vec::new();
    for number in 0..30_u8 {
        let (from, id) = (u64::from(number) * 30, format!("msg_{number}"));
        spans.push(own(100 + number, (from + 1, from + 19), &id));
        let call = chat((1, 10 + number, 1), (from, from + 20), 10, 5);
        spans.push(call.with("gen_ai.response.id", &id));
    }
    spans.push(root(1));
    send(&mut world, &spans);
    assert_eq!(world.total().crowded_ids, 21);
    let sessions = sessions(world);
    assert_eq!((sessions.len(), sessions[0].clone()), (22, (key(1), 40, 30)));
}

#[test]
fn the_randomness_of_a_session_is_that_of_the_trace_that_names_it() {
    for first in [true, false] {
        let mut world = world();
        let state = |mut told: Told, rv: &str| {
            told.span.trace_state = format!("ot=rv:{rv}");
            told
        };
        let sdk = state(own(9, (11, 99), "msg_1"), "11111111111111");
        let lead = state(call(1, (10, 100), "msg_1"), "22222222222222");
        send(&mut world, &if first { vec![sdk, lead, root(1)] } else { vec![lead, sdk, root(1)] });
        let session = judged(world).remove(0);
        assert_eq!((session.key.to_string(), session.randomness), (key(1), 0x22_2222_2222_2222));
    }
}

#[test]
fn what_no_sdk_asks_for_is_not_noted() {
    let mut world = world();
    let below = |told: Told| Told { span: Span { parent_span_id: vec![1; 8], ..told.span }, ..told };
    send(&mut world, &[call(1, (10, 100), "msg_1"), below(own(1, (11, 99), "msg_1")), root(1)]);
    assert!(!world.intake.directory.answers.are_wanted() && world.intake.directory.answers.is_empty());
    send(&mut world, &[own(9, (11, 99), "msg_1"), call(2, (10, 100), "msg_2")]);
    assert_eq!((world.intake.directory.answers.are_wanted(), world.intake.directory.answers.len()), (true, 1));
}
