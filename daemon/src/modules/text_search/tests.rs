use super::*;
use proptest::prelude::*;
use rusqlite::Connection;

/// The `texts` that the index finds.
fn found<'t>(query: &str, texts: &[&'t str]) -> Vec<&'t str> {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "CREATE VIRTUAL TABLE t USING fts5(text, content='', contentless_delete=1, tokenize='ascii')",
    )
    .unwrap();
    for (i, text) in texts.iter().enumerate() {
        conn.execute("INSERT INTO t (rowid, text) VALUES (?, ?)", (i, index_text(text))).unwrap();
    }
    let query = Query::new(query);
    match query.plan() {
        Plan::Nothing => Vec::new(),
        Plan::Contains(needle) => texts.iter().copied().filter(|text| text.contains(needle)).collect(),
        Plan::Match(expression) => {
            let mut statement = conn.prepare("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid").unwrap();
            let rows = statement.query_map([expression], |row| row.get::<_, usize>(0)).unwrap();
            rows.map(|row| texts[row.unwrap()]).collect()
        }
    }
}

#[test]
fn words_are_found_regardless_of_case_marks_and_script() {
    let swedish = "Räksmörgås på Åsögatan";
    let chinese = "我明天去北京开会。";
    let other = "Crème brûlée, e-post till anna@example.org (C3PO) 🙂🍕";
    let texts = [swedish, chinese, other];
    for (query, expected) in [
        ("räksmörgås", vec![swedish]),
        ("RÄKSMÖRGÅS", vec![swedish]),
        ("raksmorgas", vec![swedish]),
        ("ra\u{308}ksmo\u{308}rga\u{30a}s", vec![swedish]),
        ("åsö på", vec![swedish]),
        ("rök", vec![]),
        ("smörgås", vec![]),
        ("北京", vec![chinese]),
        ("开会 明天", vec![chinese]),
        ("京北", vec![]),
        ("北 京", vec![chinese]),
        ("creme", vec![other]),
        ("ＣＲÈＭＥ", vec![other]),
        ("e-post", vec![other]),
        ("post-e", vec![]),
        ("anna@example.org", vec![other]),
        ("🍕", vec![other]),
        ("🙂🍕", vec![other]),
        ("🍕🙂", vec![]),
        ("🍕\u{fe0f}", vec![other]),
        ("c3p", vec![other]),
        ("(", vec![other]),
        ("。", vec![chinese]),
        ("", vec![]),
        (" \u{feff}\n", vec![]),
    ] {
        assert_eq!(found(query, &texts), expected, "{query:?}");
    }
    assert_eq!(found("がく", &["学校のかくれんぼ", "音がくるよ", "か\u{3099}く"]).len(), 2);
    assert_eq!(found("ΟΔΌΣ", &["στην οδός"]).len(), 1);
    assert_eq!(found("STRASSE", &["Große Straße"]).len(), 1);
    assert_eq!(found("한", &["한국어"]).len(), 1);
}

#[test]
fn no_query_is_a_syntax_error() {
    let texts = ["foo bar AND baz", "NEAR(x) title:y ^z \0 col - * \" ' ( )"];
    for query in [
        "\"",
        "'",
        "\"foo",
        "foo\"",
        "foo* AND",
        "AND",
        "OR NOT",
        "NEAR(foo bar, 2)",
        "title:foo",
        "-foo",
        "^foo",
        "{text}: foo",
        "foo + bar",
        "*",
        "**",
        ":",
        "()",
        "foo \0 bar",
        "\0",
        "%_",
        "\\",
        ";DROP TABLE t",
        "\u{200b}",
        "👩\u{200d}🍳",
        "\u{301}",
    ] {
        found(query, &texts);
    }
    assert_eq!(found("AND", &texts), [texts[0]]);
    assert_eq!(found("title:y", &texts), [texts[1]]);
    assert_eq!(found("\0", &texts), [texts[1]]);
}

#[test]
fn a_huge_query_or_word_is_cut() {
    let word = "x".repeat(100_000);
    assert_eq!(found(&word, &["x", &word]), [word.as_str()]);
    let Query::Phrases(phrases) = Query::new(&"a b ".repeat(25_000)) else { panic!("words") };
    assert_eq!(phrases.len(), QUERY_WORDS);
    let Query::Phrases(phrases) = Query::new(&"字".repeat(33_000)) else { panic!("words") };
    assert_eq!((phrases.len(), phrases[0].len()), (1, QUERY_WORDS));
    let Query::Literal(literal) = Query::new(&"—".repeat(33_000)) else { panic!("no words") };
    assert!(literal.len() <= QUERY_BYTES);
}

#[test]
fn a_snippet_shows_the_first_match_marked_on_one_line() {
    let long = format!("{}the needle is\n\n here{}", "before ".repeat(30), " after".repeat(60));
    let snippet = Query::new("needle here").snippet(&long).unwrap();
    assert!(snippet.starts_with("… before") && snippet.ends_with("after…"), "{snippet}");
    assert!(snippet.contains("the [needle] is [here] after"), "{snippet}");
    assert!(snippet.chars().count() <= SNIPPET_CHARS + 6, "{snippet}");
    for (query, text, snippet) in [
        ("bok", "en Bokhandel, böcker", Some("en [Bokhandel], böcker")),
        ("bok", "ingen", None),
        ("北京", "我明天去北京开会", Some("我明天去[北京]开会")),
        ("e-post", "\n en e-post\0till\n", Some("en [e-post] till")),
        ("!?", "what!?", Some("what[!?]")),
        ("", "text", None),
    ] {
        assert_eq!(Query::new(query).snippet(text).as_deref(), snippet, "{query:?}");
    }
    let one_word = "ö".repeat(100_000);
    let snippet = Query::new("öö").snippet(&one_word).unwrap();
    assert!(snippet.starts_with("[ö") && snippet.chars().count() < 170, "{snippet}");
}

#[test]
fn case_and_composition_are_ignored() {
    for (a, b) in [("ÅSA", "a\u{30a}sa"), ("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), ("İ", "i\u{307}")]
    {
        assert_eq!(fold_case(a), fold_case(b));
    }
    assert_ne!(fold_case("asa"), fold_case("åsa"));
}

proptest! {
    #[test]
    fn the_index_finds_what_a_scan_finds(
        texts in prop::collection::vec("[aåbÅ 字漢🍕.\"-]{0,12}|\\PC{0,12}", 1..6),
        query in "[aåb字漢🍕 \"*-]{1,5}|\\PC{0,5}",
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let scan = |text: &str| match Query::new(&query) {
            Query::Phrases(phrases) => {
                phrases.into_iter().all(|phrase| Query::Phrases(vec![phrase]).find(text).is_some())
            }
            literal => literal.find(text).is_some(),
        };
        let expected: Vec<&str> = texts.iter().copied().filter(|text| scan(text)).collect();
        prop_assert_eq!(found(&query, &texts), expected);
    }

    #[test]
    fn a_text_is_found_by_any_part_between_spaces(text in "\\PC{1,40}") {
        for typed in text.split_whitespace() {
            prop_assert_eq!(found(typed, &[&text]).len(), 1, "{:?}", typed);
        }
    }

    #[test]
    fn a_snippet_never_panics(text in any::<String>(), query in any::<String>()) {
        Query::new(&query).snippet(&text);
        Query::new(&text).snippet(&text.repeat(50));
    }
}
