use proptest::prelude::*;

use super::super::{tree, units};
use super::*;

/// Pieces that YAML and this configuration are made of, so that the random text gets past the first line.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "receivers",
        "otlp",
        "protocols",
        "grpc",
        "http",
        "endpoint",
        "sessions",
        "settle",
        "sampling",
        "rules",
        "name",
        "when",
        "probability",
        "drop",
        "exporters",
        "otlp_grpc",
        "file/x",
        "path",
        "headers",
        "passthrough",
        "logs",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "&a ",
        "*a",
        "!!str ",
        "|\n",
        ">-\n",
        "'",
        "\"",
        "# ",
        "? ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "${",
        "${A}",
        "$$",
        "}",
        "<<",
        "~",
        "10s",
        "1.5",
        "64MiB",
        "true",
        "\t",
        "\r\n",
        "\u{feff}",
        "\u{85}",
        "\\x",
        "\\",
        "@",
        "`",
        "%",
        "!",
        "!<",
    ];
    prop_oneof![
        9 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in proptest::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())) {
        let _ = tree::parse(&text, "f");
        if let Err(problems) = parse(&text, "f", &|name| Some(name.repeat(3))) {
            prop_assert!(!problems.is_empty());
            // YAML breaks lines at a carriage return alone, too.
            let lines = text.replace("\r\n", "\n").replace('\r', "\n").lines().count().max(1) + 2;
            for problem in &problems {
                prop_assert!((1..=lines).contains(&problem.line), "{problem}");
            }
        }
    }

    #[test]
    fn no_bytes_panic(text in any::<String>()) {
        let _ = parse(&text, "f", &unset);
    }

    #[test]
    fn whatever_is_accepted_is_the_same_when_its_effective_text_is_read(
        name in "[^\\pC ]{1,20}", when in any::<String>(), path in "\\PC{1,20}", probability in 0.0..=1.0f64,
        settle in 0..600_000_000_000u64, bytes in 1..1u64 << 50, origin in any::<String>(),
    ) {
        let mut config = right("exporters: {file/x: {path: a}}");
        config.exporters[0].kind = ExporterKind::File { path: path.into(), append: true, follow_symlinks: false };
        config.sampling.rules.push(Rule { name, when: Some(format!("x{when}").as_str().into()), probability, drop: false });
        config.sessions.settle = Duration::from_nanos(settle);
        config.sessions.max_bytes = bytes;
        let cors = Cors { allowed_origins: vec![origin], ..Cors::default() };
        config.receivers.http.as_mut().unwrap().cors = Some(cors);
        let text = super::super::effective(&config);
        match parse(&text, "effective", &unset) {
            Ok(again) => prop_assert_eq!(without_places(again), config),
            Err(problems) => prop_assert!(false, "{problems}\n{text}"),
        }
    }

    #[test]
    fn durations_and_sizes_are_read_back_as_they_were_written(nanos in 0..=i64::MAX as u64) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(units::duration(&units::format_duration(duration)), Ok(duration));
        prop_assert_eq!(units::size(&units::format_size(nanos)), Ok(nanos));
    }

    #[test]
    fn no_unit_text_panics(text in "[0-9.]{0,45}[a-zA-Zµ]{0,3}[0-9.]{0,5}[a-z]{0,2}") {
        let _ = units::duration(&text);
        let _ = units::size(&text);
    }
}
