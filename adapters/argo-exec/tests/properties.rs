//! What holds for any input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use argo_exec::resource::{Condition, jq, json_path, path};
use argo_exec::{Paths, archive, parse_duration};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Files by path, with content; a path that ends with a slash is a folder.
fn tree() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let name = "[a-zA-Z0-9 ._äß-]{1,12}".prop_filter("not a dot name", |n| n != "." && n != "..");
    let file = (proptest::collection::vec(name, 1..4), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..3000));
    proptest::collection::vec(file, 0..8).prop_map(|files| {
        let path = |(parts, folder, content): (Vec<String>, bool, Vec<u8>)| {
            (parts.join("/") + if folder { "/" } else { "" }, if folder { Vec::new() } else { content })
        };
        files.into_iter().map(path).collect()
    })
}

fn write(root: &Path, tree: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(root).unwrap();
    for (name, content) in tree {
        let place = root.join(name);
        // Two paths may want to be file and folder at once: the first has it.
        let _ = if name.ends_with('/') {
            fs::create_dir_all(&place)
        } else {
            fs::create_dir_all(place.parent().unwrap()).and_then(|()| if place.is_dir() { Ok(()) } else { fs::write(&place, content) })
        };
    }
}

fn read(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z.]{0,5}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]{1,2}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn archives_give_back_what_they_took(tree in tree(), level in -1_i64..=9) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        write(&source, &tree);
        let before = read(&source);
        let (tarred, zipped) = (folder.path().join("a.tgz"), folder.path().join("a.zip"));
        archive::tar_gz(&source, level, File::create(&tarred).unwrap()).unwrap();
        archive::untar(&tarred, &folder.path().join("from-tar")).unwrap();
        prop_assert_eq!(&read(&folder.path().join("from-tar")), &before);
        archive::zip(&source, &zipped).unwrap();
        archive::unzip(&zipped, &folder.path().join("from-zip")).unwrap();
        prop_assert_eq!(&read(&folder.path().join("from-zip")), &before);
        archive::copy(&source, &folder.path().join("copy")).unwrap();
        prop_assert_eq!(&read(&folder.path().join("copy")), &before);
    }

    #[test]
    fn damaged_archives_are_errors(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), gzip in any::<bool>()) {
        if gzip {
            bytes.splice(0..0, [0x1f, 0x8b, 8, 0]);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, &bytes).unwrap();
        let _ = archive::is_tar_gz(&file);
        let _ = archive::untar(&file, &folder.path().join("tar"));
        let _ = archive::unzip(&file, &folder.path().join("zip"));
        prop_assert!(!folder.path().join("tar.tmpdir").exists() && !folder.path().join("zip.tmpdir").exists());
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[ -~äß\\n]{0,40}", value in value()) {
        let _ = parse_duration(&text);
        if let Ok(condition) = Condition::parse(&text) {
            let _ = (condition.all(&value), condition.any(&value).map(ToString::to_string));
        }
        let _ = (path(&value, &text), json_path(&value, &text), jq(&value, &text));
        let _ = json_path(&value, &format!("{{{text}}}"));
    }

    #[test]
    fn a_condition_reads_itself(key in "[a-z]{1,4}(\\.[a-z0-9]{1,3}){0,3}", values in proptest::collection::vec("[a-zA-Z0-9]{1,5}", 1..4), n in any::<i64>(), value in value()) {
        let list = values.join(", ");
        for text in [format!("{key}=={}", values[0]), format!("{key} in ({list})"), format!("{key} notin ({list})"), format!("{key}>{n}"), format!("!{key}"), key.clone()] {
            let condition = Condition::parse(&text).unwrap();
            let holds = condition.all(&value);
            let shown = condition.any(&value).map(ToString::to_string);
            prop_assert_eq!(holds, shown.is_some());
            if let Some(shown) = shown {
                prop_assert_eq!(Condition::parse(&shown).unwrap(), condition);
            }
        }
    }

    #[test]
    fn paths_stay_below_their_root(path in "(/|\\.|\\.\\.|a|b/){0,12}") {
        let paths = Paths { var_run_argo: "/r".into(), main_root: "/m".into(), ..Paths::default() };
        prop_assert!(paths.output_parameter(&path).starts_with("/r/outputs/parameters"));
        prop_assert!(paths.output_artifact(&path).to_str().unwrap().starts_with("/r/outputs/artifacts"));
        prop_assert!(paths.on_volume(&path).starts_with("/m"));
        prop_assert!(!paths.on_volume(&path).components().any(|part| part == std::path::Component::ParentDir));
    }
}
