//! Every file that the other checks read can be read: otherwise they would pass by seeing nothing.

use super::finding::Finding;
use super::tree::{File, Tree};

pub(super) const RULE: &str = "readable";

/// What is text by its name. Anything else may hold any bytes.
const TEXT: [&str; 4] = [".rs", ".toml", ".md", ".lock"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().iter().filter_map(fault).collect()
}

fn fault(file: &File) -> Option<Finding> {
    let finding = |line, what: String| Some(Finding::new(RULE, &file.path, line, what));
    let text = match &file.text {
        Ok(text) => text,
        Err(why) => return finding(1, format!("cannot be read: {why}")),
    };
    if !file.utf8 && TEXT.iter().any(|ending| file.path.ends_with(ending)) {
        return finding(1, "is not UTF-8: save it as UTF-8".to_owned());
    }
    if let Some(Err((line, why))) = &file.rust {
        return finding((*line).max(1), format!("is not Rust that parses: {why}"));
    }
    if file.path.ends_with(".toml")
        && let Err(why) = text.parse::<toml::Table>()
    {
        let start = why.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|&byte| byte == b'\n')
            .count()
            + 1;
        return finding(line, format!("is not TOML that parses: {}", why.message()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn files_that_do_not_parse_are_found() {
        let places = found(
            RULE,
            &[("a.rs", "fn a() {}\nfn 1()\n"), ("b.toml", "\n\nb = [\n")],
        );
        assert_eq!(places.len(), 2);
        assert_eq!(places.first().unwrap(), "a.rs:2");
        assert!(places.last().unwrap().starts_with("b.toml:"));
        assert!(found(RULE, &[("a.rs", "fn a() {}\n"), ("b.toml", "b = 1\n")]).is_empty());
    }

    #[test]
    fn files_that_cannot_be_read_are_found() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let tree = Tree::from_files(vec![
            File::new("a.rs", Err(denied)),
            File::new("b.md", Ok(vec![0xff])),
            File::new("corpus/7f", Ok(vec![0xff])),
        ]);
        let shown: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            shown,
            [
                "a.rs:1: readable: cannot be read: permission denied",
                "b.md:1: readable: is not UTF-8: save it as UTF-8",
            ]
        );
    }
}
