//! Each rule of a call's life, one side at a time. Both sides together: `tests/signaling_worlds.rs`.

use std::time::Duration;

use super::*;

fn id(n: u8) -> PeerId {
    PeerId::from_public_key(&[n; 32])
}

/// Two people, the lower ID first.
fn two() -> (PeerId, PeerId) {
    let (a, b) = (id(1), id(2));
    (a.min(b), a.max(b))
}

const X: CallId = CallId([1; 16]);
const Y: CallId = CallId([2; 16]);

struct Bench {
    calls: Calls,
    now: Instant,
}

impl Bench {
    fn new(me: PeerId) -> Self {
        let mut bench = Self { calls: Calls::new(me, "Noor"), now: Instant::now() };
        bench.give(Input::Online(true));
        bench
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.calls.handle(self.now, input);
        std::iter::from_fn(|| self.calls.poll()).collect()
    }

    fn say(&mut self, from: PeerId, call: CallId, body: Body) -> Vec<Output> {
        self.give(Input::Received { from, call, body })
    }

    fn wait(&mut self, time: Duration) -> Vec<Output> {
        self.now += time;
        self.give(Input::Tick)
    }

    fn stage(&self) -> Option<Stage> {
        self.calls.current().and_then(|current| current.stage)
    }

    /// A call to `to` that was sent.
    fn calling(me: PeerId, to: PeerId) -> Self {
        let mut bench = Self::new(me);
        bench.give(Input::Call { call: X, to, video: true });
        bench.give(Input::DescriptionReady { call: X, sdp: "offer".into() });
        bench
    }

    fn connected(me: PeerId, to: PeerId) -> Self {
        let mut bench = Self::calling(me, to);
        bench.say(to, X, Body::Ringing);
        bench.say(to, X, accept(true));
        bench.give(Input::MediaConnected(X));
        assert_eq!(bench.stage(), Some(Stage::Connected));
        bench
    }

    fn rung(me: PeerId, from: PeerId) -> Self {
        let mut bench = Self::new(me);
        bench.say(from, X, ring());
        bench
    }
}

fn ring() -> Body {
    Body::Ring { video: true, name: "Amara".into(), sdp: "offer".into(), room: None, proof: None }
}

fn accept(video: bool) -> Body {
    Body::Accept { video, name: "Amara".into(), sdp: "answer".into(), proof: None }
}

fn candidate(n: u8) -> Candidate {
    Candidate { candidate: format!("candidate:{n}"), ..Candidate::default() }
}

fn ended(out: &[Output]) -> Vec<&Outcome> {
    out.iter().filter_map(|o| if let Output::Ended { outcome, .. } = o { Some(outcome) } else { None }).collect()
}

fn said(out: &[Output]) -> Vec<&'static str> {
    out.iter().filter_map(|o| if let Output::Send { body, .. } = o { Some(body.kind()) } else { None }).collect()
}

#[test]
fn a_call_goes_its_way() {
    let (a, b) = two();
    let mut caller = Bench::new(a);
    let out = caller.give(Input::Call { call: X, to: b, video: true });
    assert!(out.contains(&Output::MakeOffer { call: X, peer: b, video: true }));
    // A candidate that comes before the offer waits for it.
    assert!(caller.give(Input::LocalCandidate { call: X, candidate: candidate(1) }).is_empty());
    let out = caller.give(Input::DescriptionReady { call: X, sdp: "offer".into() });
    assert_eq!(said(&out), ["ring", "candidate"]);
    caller.say(b, X, Body::Ringing);
    assert_eq!(caller.stage(), Some(Stage::Ringing));
    // Theirs waits for their answer.
    assert!(caller.say(b, X, Body::Candidate(candidate(2))).is_empty());
    let out = caller.say(b, X, accept(false));
    assert!(matches!(&out[1..], [Output::TakeAnswer { sdp, .. }, Output::RemoteCandidate { .. }] if sdp == "answer"));
    caller.give(Input::MediaConnected(X));
    assert_eq!(caller.stage(), Some(Stage::Connected));
    assert_eq!(caller.calls.deadline(), None);
    let out = caller.give(Input::HangUp);
    assert_eq!((said(&out), ended(&out)), (vec!["bye"], vec![&Outcome::AcceptedWithoutVideo]));
    assert!(caller.calls.current().is_none());
}

#[test]
fn an_incoming_call_goes_its_way() {
    let (a, b) = two();
    let mut callee = Bench::new(b);
    let out = callee.say(a, X, ring());
    assert_eq!(said(&out), ["ringing"]);
    assert!(out.contains(&Output::Incoming { call: X, from: a, name: "Amara".into(), video: true }));
    callee.say(a, X, Body::Candidate(candidate(1)));
    let out = callee.give(Input::Accept { call: X, video: true });
    assert!(
        matches!(&out[1..], [Output::MakeAnswer { offer, .. }, Output::RemoteCandidate { .. }] if offer == "offer")
    );
    assert!(said(&out).is_empty());
    let out = callee.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
    assert_eq!(said(&out), ["accept"]);
    callee.give(Input::MediaConnected(X));
    let out = callee.say(a, X, Body::Bye { reason: ByeReason::Hangup });
    assert_eq!(ended(&out), [&Outcome::Accepted]);
    assert!(out.contains(&Output::CloseMedia(X)));
}

#[test]
fn nothing_leaves_before_the_call_is_taken() {
    let (a, b) = two();
    let mut callee = Bench::rung(b, a);
    assert!(callee.give(Input::LocalCandidate { call: X, candidate: candidate(1) }).is_empty());
}

#[test]
fn every_word_of_the_callee_has_its_outcome() {
    let (a, b) = two();
    let decline = |reason| Body::Decline { reason };
    for (body, outcome) in [
        (Body::Busy, Outcome::Busy),
        (decline(DeclineReason::Declined), Outcome::Declined),
        (decline(DeclineReason::NoAnswer), Outcome::NoAnswer),
        (Body::Bye { reason: ByeReason::Failed }, Outcome::Failed(THEIRS_FAILED.into())),
    ] {
        let out = Bench::calling(a, b).say(b, X, body);
        assert_eq!(ended(&out), [&outcome]);
    }
}

#[test]
fn every_word_of_the_caller_has_its_outcome() {
    let (a, b) = two();
    for (reason, outcome) in [
        (CancelReason::Cancelled, Outcome::Cancelled),
        (CancelReason::NoAnswer, Outcome::NoAnswer),
        (CancelReason::Unreachable, Outcome::Unreachable),
    ] {
        let out = Bench::rung(b, a).say(a, X, Body::Cancel { reason });
        assert_eq!(ended(&out), [&outcome]);
    }
    let mut crossed = Bench::rung(b, a);
    crossed.give(Input::Accept { call: X, video: true });
    crossed.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
    let out = crossed.say(a, X, Body::Cancel { reason: CancelReason::Cancelled });
    assert_eq!(ended(&out), [&Outcome::Cancelled], "the caller gave up while we took it");
}

#[test]
fn a_stranger_cannot_end_it() {
    let (a, b) = two();
    let mut bench = Bench::connected(a, b);
    assert!(bench.say(id(9), X, Body::Bye { reason: ByeReason::Hangup }).is_empty());
    assert!(bench.say(b, Y, Body::Bye { reason: ByeReason::Hangup }).is_empty());
    assert_eq!(bench.stage(), Some(Stage::Connected));
}

#[test]
fn it_rings_for_45_seconds() {
    let (a, b) = two();
    let mut caller = Bench::calling(a, b);
    caller.say(b, X, Body::Ringing);
    assert!(caller.wait(RING - Duration::from_secs(1)).is_empty());
    let out = caller.wait(Duration::from_secs(1));
    assert_eq!((said(&out), ended(&out)), (vec!["cancel"], vec![&Outcome::NoAnswer]));
    let mut callee = Bench::rung(b, a);
    assert!(callee.wait(RING).is_empty(), "the caller's word comes first");
    assert_eq!(ended(&callee.wait(RING_GRACE)), [&Outcome::NoAnswer]);
}

#[test]
fn who_is_not_there_is_unreachable() {
    let (a, b) = two();
    for input in [Input::Undeliverable { to: b, call: X }, Input::Gone(b)] {
        assert_eq!(ended(&Bench::calling(a, b).give(input)), [&Outcome::Unreachable]);
    }
    assert_eq!(ended(&Bench::calling(a, b).wait(REACH)), [&Outcome::Unreachable], "no ringing came");
    assert_eq!(ended(&Bench::rung(b, a).give(Input::Gone(a))), [&Outcome::Unreachable]);
    let mut other = Bench::calling(a, b);
    assert!(other.give(Input::Gone(id(9))).is_empty());
    assert!(other.give(Input::Undeliverable { to: b, call: Y }).is_empty());
}

#[test]
fn the_server_may_go_once_media_flow() {
    let (a, b) = two();
    let mut bench = Bench::connected(a, b);
    assert!(bench.give(Input::Online(false)).is_empty());
    assert!(bench.give(Input::Gone(b)).is_empty());
    assert_eq!(bench.stage(), Some(Stage::Connected));
    let out = bench.give(Input::HangUp);
    assert!(said(&out).is_empty());
    assert_eq!(said(&bench.give(Input::Online(true))), ["bye"], "said as soon as it can be");
}

#[test]
fn the_servers_going_ends_what_still_rings() {
    let (a, b) = two();
    for mut bench in [Bench::calling(a, b), Bench::rung(b, a)] {
        assert!(matches!(&ended(&bench.give(Input::Online(false)))[..], [Outcome::Failed(_)]));
        assert_eq!(said(&bench.give(Input::Online(true))), ["bye"]);
    }
}

#[test]
fn a_third_person_finds_us_busy() {
    let (a, b) = two();
    for mut bench in [Bench::connected(a, b), Bench::calling(a, b), Bench::rung(a, b)] {
        let before = bench.calls.current();
        let out = bench.say(id(9), Y, ring());
        assert_eq!((said(&out), ended(&out)), (vec!["busy"], vec![&Outcome::Busy]));
        assert_eq!(bench.calls.current(), before);
    }
}

#[test]
fn two_who_call_each_other_get_one_call() {
    let (low, high) = two();
    let mut first = Bench::calling(low, high);
    assert!(first.say(high, Y, ring()).is_empty());
    let mut second = Bench::new(high);
    second.give(Input::Call { call: Y, to: low, video: false });
    second.give(Input::DescriptionReady { call: Y, sdp: "offer".into() });
    let out = second.say(low, X, ring());
    assert_eq!(said(&out), ["cancel"]);
    assert!(out.contains(&Output::Replaced { old: Y, new: X }) && out.contains(&Output::CloseMedia(Y)));
    assert!(out.iter().any(|o| matches!(o, Output::MakeAnswer { call: X, video: false, .. })));
    assert!(ended(&out).is_empty());
    assert!(first.say(high, Y, Body::Cancel { reason: CancelReason::Replaced }).is_empty());
    second.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
    first.say(high, X, accept(false));
    assert_eq!((first.stage(), second.stage()), (Some(Stage::Connecting), Some(Stage::Connecting)));
}

#[test]
fn calling_who_rings_here_is_taking_it() {
    let (a, b) = two();
    let out = Bench::rung(b, a).give(Input::Call { call: Y, to: a, video: true });
    assert!(out.iter().any(|o| matches!(o, Output::MakeAnswer { call: X, .. })));
}

#[test]
fn a_program_that_started_anew_can_call_again() {
    let (a, b) = two();
    let mut bench = Bench::connected(a, b);
    let out = bench.say(b, Y, ring());
    assert!(matches!(&ended(&out)[..], [Outcome::Failed(_)]));
    assert!(out.iter().any(|o| matches!(o, Output::Incoming { call: Y, .. })));
}

#[test]
fn a_call_that_is_over_does_not_ring_again() {
    let (a, b) = two();
    let mut bench = Bench::rung(b, a);
    bench.give(Input::Decline { call: X });
    assert!(bench.say(a, X, ring()).is_empty());
}

#[test]
fn a_broken_path_is_mended_or_given_up() {
    let (a, b) = two();
    let mut bench = Bench::connected(a, b);
    let out = bench.give(Input::MediaDisconnected(X));
    assert!(out.contains(&Output::RestartIce(X)), "{out:?}");
    assert!(bench.wait(RESTART_EVERY).contains(&Output::RestartIce(X)));
    bench.give(Input::MediaConnected(X));
    assert_eq!((bench.stage(), bench.calls.deadline()), (Some(Stage::Connected), None));
    bench.give(Input::MediaDisconnected(X));
    assert!(matches!(&ended(&bench.wait(RECONNECT))[..], [Outcome::Failed(_)]));
    // The callee leaves it to the caller for a moment: two restarts at once would cross.
    let mut callee = Bench::rung(b, a);
    callee.give(Input::Accept { call: X, video: true });
    callee.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
    callee.give(Input::MediaConnected(X));
    assert!(!callee.give(Input::MediaDisconnected(X)).contains(&Output::RestartIce(X)));
    assert!(callee.wait(RESTART_CALLEE).contains(&Output::RestartIce(X)));
    callee.give(Input::Gone(a));
    assert!(matches!(&ended(&callee.wait(RECONNECT_GONE))[..], [Outcome::Failed(_)]));
}

#[test]
fn a_path_is_mended_as_soon_as_the_server_is_back() {
    let (a, b) = two();
    let mut bench = Bench::connected(a, b);
    bench.give(Input::Online(false));
    assert!(!bench.give(Input::MediaDisconnected(X)).contains(&Output::RestartIce(X)), "nobody could hear it");
    assert!(bench.wait(Duration::from_secs(1)).is_empty());
    assert!(bench.give(Input::Online(true)).contains(&Output::RestartIce(X)));
}

#[test]
fn candidates_inside_the_description_are_not_said_again() {
    let (a, b) = two();
    let mut caller = Bench::new(a);
    caller.give(Input::Call { call: X, to: b, video: true });
    caller.give(Input::LocalCandidate { call: X, candidate: candidate(1) });
    caller.give(Input::LocalCandidate { call: X, candidate: candidate(2) });
    let out = caller.give(Input::DescriptionReady { call: X, sdp: "offer a=candidate:1 end".into() });
    assert_eq!(said(&out), ["ring", "candidate"]);
}

#[test]
fn killed_while_the_path_is_built() {
    let (a, b) = two();
    let mut bench = Bench::calling(a, b);
    bench.say(b, X, accept(true));
    assert!(bench.give(Input::Gone(b)).is_empty());
    assert!(matches!(&ended(&bench.wait(CONNECT_GONE))[..], [Outcome::Failed(_)]));
}

#[test]
fn wishes_that_cannot_be_granted_are_answered() {
    let (a, b) = two();
    let call = |to| Input::Call { call: Y, to, video: true };
    assert_eq!(Bench::new(a).give(call(a)), [Output::Refused(Refusal::Yourself)]);
    assert_eq!(Bench::connected(a, b).give(call(b)), [Output::Refused(Refusal::InCall)]);
    assert_eq!(Bench::new(a).give(Input::Accept { call: X, video: true }), [Output::Refused(Refusal::NoSuchCall)]);
    let mut offline = Bench::new(a);
    offline.give(Input::Online(false));
    assert_eq!(offline.give(call(b)), [Output::Refused(Refusal::Offline)]);
}

#[test]
fn media_that_fail_end_the_call_on_both_sides() {
    let (a, b) = two();
    let out = Bench::calling(a, b).give(Input::MediaFailed(X, "no codec".into()));
    assert_eq!((said(&out), ended(&out)), (vec!["bye"], vec![&Outcome::Failed("no codec".into())]));
    let mut slow = Bench::new(a);
    slow.give(Input::Call { call: X, to: b, video: true });
    assert!(matches!(&ended(&slow.wait(PREPARE))[..], [Outcome::Failed(_)]));
}
