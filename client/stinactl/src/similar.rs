//! "Did you mean": the known name that is most similar to the typed one.

/// The most similar name so far.
#[derive(Debug)]
pub(super) struct Similar {
    typed: String,
    best: Option<(f64, String)>,
}

/// Least similarity of a name that may be meant.
const LIKELY: f64 = 0.8;
/// Shortest text that is searched for inside names: a shorter one is in too many.
const SHORTEST_PART: usize = 3;

impl Similar {
    /// No name yet.
    pub(super) fn to(typed: &str) -> Self {
        Self { typed: typed.to_lowercase(), best: None }
    }

    /// Considers a name.
    pub(super) fn consider(&mut self, name: &str) {
        let similarity = self.similarity(&name.to_lowercase());
        if similarity >= LIKELY && self.best.as_ref().is_none_or(|(best, _)| similarity > *best) {
            self.best = Some((similarity, name.to_owned()));
        }
    }

    /// The most similar name, if one is similar enough.
    pub(super) fn best(self) -> Option<String> {
        self.best.map(|(_, name)| name)
    }

    fn similarity(&self, name: &str) -> f64 {
        let is_part = self.typed.chars().count() >= SHORTEST_PART && name.contains(&self.typed);
        strsim::jaro_winkler(name, &self.typed).max(if is_part { LIKELY } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(typed: &str, names: &[&str]) -> Option<String> {
        let mut similar = Similar::to(typed);
        names.iter().for_each(|name| similar.consider(name));
        similar.best()
    }

    #[test]
    fn a_slip_or_a_part_of_a_name_is_recognized() {
        let names = ["Buy milk", "Call Anna", "Köp mjölk"];
        for (typed, meant) in [
            ("bui milk", Some("Buy milk")),
            ("MILK", Some("Buy milk")),
            ("kop mjolk", Some("Köp mjölk")),
            ("anna", Some("Call Anna")),
            ("an", None),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(of(typed, &names).as_deref(), meant, "{typed}");
        }
    }
}
