//! Commands against a control plane that stays.
#![allow(clippy::unwrap_used)]

mod common;

use common::Up;

#[test]
fn several_workflows_are_waited_for_at_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let one = |name: &str, command: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}}}\nspec:\n  entrypoint: main\n  templates:\n  \
             - name: main\n    container: {{image: busybox, command: ['{command}']}}\n---\n"
        )
    };
    let file = home.join("two.yaml");
    std::fs::write(&file, one("good", "true") + &one("bad", "false")).unwrap();
    let running = Up::start(|command| {
        command.env("HOME", home);
    });
    let said = running.argo(home, &["submit", "--wait", &file.display().to_string()]);
    drop(running);
    assert!(said.contains("good Succeeded at") && said.contains("bad Failed at"), "{said}");
}
