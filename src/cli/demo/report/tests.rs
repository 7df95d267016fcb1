use std::sync::Arc;

use super::*;

const PLAIN: Paint = Paint { colored: false };

/// Ten spans of a hundred bytes each, four of them kept, all of it well.
fn fine() -> Outcome {
    let spans = |count: u64| Spans::new(count, count * 100);
    let total = ShardCounts { taken: spans(10), kept: spans(4), dropped: spans(6), ..ShardCounts::default() };
    let lane = LaneCounts { routed: spans(4), sent: spans(4), ..LaneCounts::default() };
    let name = |name: &str| Arc::<str>::from(name);
    let verdicts = [
        ((name("failed"), true, Reason::Settled), 2),
        ((name("routine"), true, Reason::Idle), 1),
        ((name("routine"), false, Reason::Settled), 1234),
    ];
    let counts = Counts {
        total,
        shards_balance: true,
        lanes: vec![("file/kept".into(), lane)],
        verdicts: verdicts.into(),
        ..Counts::default()
    };
    Outcome {
        sent: Sent { spans: 10, bytes: 1000, requests: 3, ..Sent::default() },
        counts,
        read_back: 4,
        rules: vec!["routine".into(), "failed".into()],
        ..Outcome::default()
    }
}

#[test]
fn all_is_well_only_if_every_count_agrees() {
    assert!(fine().is_fine());
    let wrong: [fn(&mut Outcome); 11] = [
        |it| it.counts.total.kept.spans -= 1,
        |it| it.counts.total.dropped.bytes += 1,
        |it| it.counts.total.taken.spans += 1,
        |it| it.counts.refused.spans += 1,
        |it| it.counts.shards_balance = false,
        |it| it.sent.spans += 1,
        |it| it.sent.failed = 1,
        |it| it.read_back = 3,
        |it| it.left.undelivered_spans = 1,
        |it| it.left.undecided_spans = 1,
        |it| {
            it.counts.lanes[0].1.sent.spans -= 1;
            it.counts.lanes[0].1.failed.spans += 1;
        },
    ];
    for (number, spoil) in wrong.into_iter().enumerate() {
        let mut outcome = fine();
        spoil(&mut outcome);
        assert!(!outcome.is_fine(), "{number}");
    }
}

#[test]
fn rules_are_told_in_their_order_with_their_reasons() {
    let lines = fine().rule_lines(PLAIN);
    assert_eq!(
        lines,
        [
            "  RULE                    KEPT   DROPPED   KEPT %                JUDGED WHEN",
            "  routine                    1     1,234    0.1 %  ▏             settled 1,234, idle_timeout 1",
            "  failed                     2         0  100.0 %  ████████████  settled 2",
            "  all sessions               3     1,234    0.2 %  ▏",
        ]
    );
}

#[test]
fn the_ledger_is_told_as_it_is() {
    let lines = fine().ledger_lines(PLAIN).join("\n");
    let balance = "✓ received 10 = kept 4 + dropped 6 + held 0 + refused 0 + duplicate 0 + lost 0";
    assert!(lines.contains(balance), "{lines}");
    assert!(!lines.contains('✗'));
    let mut outcome = fine();
    outcome.counts.total.lost.spans = 1;
    outcome.read_back = 3;
    let lines = outcome.ledger_lines(PLAIN).join("\n");
    assert!(lines.contains("✗ received 10 = ") && lines.contains("lost 1\n  ✗ it does not balance"), "{lines}");
    assert!(lines.contains("✗ read back"), "{lines}");
}

#[test]
fn without_a_kept_session_none_is_drawn() {
    assert_eq!(session_lines(&Shown::default(), "tailsieve", PLAIN).len(), 1);
}
