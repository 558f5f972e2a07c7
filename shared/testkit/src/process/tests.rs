use super::*;

fn shell(script: &str) -> Program {
    Launch::of_system("sh").args(["-c", script]).start()
}

#[test]
fn a_program_is_killed_started_again_and_stopped() {
    let mut program = shell("trap 'echo bye; exit 0' TERM; echo up $VALUE; while :; do sleep 0.05; done");
    program.wait_for_line("up");
    let first = program.id();
    program.kill9();
    program.restart();
    wait::until("a second line", wait::LONG, || {
        let up = program.log().lines().iter().filter(|line| line.starts_with("up")).count();
        if up == 2 { Ok(()) } else { Err(format!("{up} lines")) }
    });
    assert_ne!(program.id(), first);
    assert!(program.stop() < STOP);
    wait::until("its last line", wait::LONG, || if program.log().contains("bye") { Ok(()) } else { Err("not yet") });
}

#[test]
fn further_arguments_are_for_one_run() {
    let mut program = Launch::of_system("sh").args(["-c", "echo up $#; while :; do sleep 0.05; done", "-"]).start();
    program.wait_for_line("up 0");
    program.kill9();
    program.restart_with(&["further"]);
    program.wait_for_line("up 1");
    program.kill9();
    program.restart();
    wait::until("a third line", wait::LONG, || match &*program.log().lines() {
        [_, _, third] if third == "up 0" => Ok(()),
        lines => Err(format!("{lines:?}")),
    });
}

#[test]
fn signals_arrive() {
    let mut program = shell("trap 'echo heard' USR1; echo up; while :; do sleep 0.05; done");
    program.wait_for_line("up");
    program.signal(Signal::SIGUSR1);
    program.wait_for_line("heard");
}

#[test]
#[should_panic(expected = "ended with exit status: 3 after SIGTERM")]
fn a_program_that_ends_badly_fails_the_test() {
    let mut program = shell("trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done");
    program.wait_for_line("up");
    program.stop();
}

#[test]
#[should_panic(expected = "has ended by itself: exit status: 1")]
fn a_program_that_is_gone_fails_the_wait() {
    shell("exit 1").wait_for_line("never");
}

#[test]
#[should_panic(expected = "second warning")]
fn an_unexpected_warning_fails_the_test() {
    let mut program = shell(
        r#"echo '{"level":"WARN","message":"first warning"}'; echo '{"level":"WARN","message":"second warning"}'; sleep 60"#,
    );
    program.expect("first warning");
    program.wait_for_line("second");
    program.check_log();
}

#[test]
fn output_is_what_was_printed() {
    assert_eq!(Launch::of_system("sh").args(["-c", "echo \" $A $1 \"", "-", "b"]).env("A", "a").output(), "a b");
}

#[test]
#[should_panic(expected = "run `cargo build --workspace` first")]
fn a_binary_that_was_not_built_is_named() {
    Launch::of_workspace("no-such-program");
}

#[test]
fn a_test_that_fails_leaves_nothing_that_its_program_has_started() {
    // One in a session of its own, as the demonstration's programs have groups of theirs, and one that it starts.
    let script = "setsid sh -c 'sleep 1000 & echo grandchild $!; echo own child $$; wait' & wait";
    let mut ids = vec![];
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut program = shell(script);
        for line in ["grandchild ", "own child "] {
            let line = program.wait_for_line(line);
            ids.push(line.rsplit(' ').next().unwrap().to_owned());
        }
        panic!("as a test does");
    }));
    assert!(failed.is_err() && ids.len() == 2, "{ids:?}");
    wait::until("both to be gone", wait::LONG, || {
        let stat = |id: &String| std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // One that nobody has waited for yet is a zombie.
        let here: Vec<_> = ids.iter().map(stat).filter(|stat| !stat.is_empty() && !stat.contains(") Z ")).collect();
        if here.is_empty() { Ok(()) } else { Err(format!("{here:?}")) }
    });
}
