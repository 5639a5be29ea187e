//! Ids in lists: a unique prefix of each, which is enough to name it.

/// Longest id that is shown whole: a chosen one.
const CHOSEN: usize = 24;

/// The ids, cut.
pub(super) fn short_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    let cut = |id: &&str| {
        let at = sorted.partition_point(|other| other < id);
        let neighbours = [at.checked_sub(1).and_then(|at| sorted.get(at)), sorted.get(at + 1)];
        let shared = neighbours.into_iter().flatten().map(|other| shared(id, other)).max().unwrap_or(0);
        // Ids are ASCII.
        let cut = id.get(..(shared + 1).max(time(id))).filter(|_| id.len() > CHOSEN);
        cut.unwrap_or(id).to_owned()
    };
    ids.iter().map(cut).collect()
}

/// Bytes of a generated id that hold its time (`td_` or `mem_`, then 48 bits of a UUIDv7): practically unique, also
/// among ids that the list does not show. Of a long chosen id, as many as are shown of a short one.
fn time(id: &str) -> usize {
    id.match_indices('-').nth(1).map_or(CHOSEN, |(at, _)| at)
}

/// Length of the common prefix.
fn shared(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_cut_after_its_unique_prefix() {
        let ids = [
            "td_019e0000-0002-7bbb-8000-000000000000",
            "short",
            "td_019e0000-0001-7abc-8000-000000000000",
            "td_019e0000-0001-7abd-8000-000000000000",
        ];
        let short = short_ids(ids);
        assert_eq!(short, ["td_019e0000-0002", "short", "td_019e0000-0001-7abc", "td_019e0000-0001-7abd"]);
        assert_eq!(short_ids(["mem_019e0000-0002-7bbb-8000-000000000000"]), ["mem_019e0000-0002"]);
        assert_eq!(short_ids(["weekly-groceries-2026"]), ["weekly-groceries-2026"]);
        let long = ["x".repeat(128), "x".repeat(100) + "y", "x".repeat(30)];
        let short = short_ids(long.iter().map(String::as_str));
        assert_eq!(short.iter().map(String::len).collect::<Vec<_>>(), [101, 101, 30]);
        assert_eq!(short_ids([long[0].as_str()]), [&long[0][..CHOSEN]]);
    }
}
