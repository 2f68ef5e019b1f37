//! Floor 5: the core session manager. Local media and any number of peers; bring your own signaling.
//!
//! # The model
//! A [`Session`] owns one camera, one microphone and one speaker, and any number of peers, each known by a name that you
//! choose. It opens no connection to any server of ours: what two sides must exchange, you carry.
//!
//! 1. [`Session::start`] inside a tokio runtime gives the session and its events. Nothing is open yet.
//! 2. [`Session::add_peer`] on both sides.
//! 3. One side calls [`Session::create_offer`] and sends the text to the other, which hands it to
//!    [`Session::accept_offer`] and sends the answer back, for [`Session::accept_answer`].
//! 4. Both sides pass every [`SessionEvent::Candidate`] on to [`Session::accept_candidate`] of the other. Candidates that
//!    are known when a description is made are inside it, so on one machine or LAN that may be all; and
//!    [`Session::complete_description`] waits for all of them, so that one text each way is enough for any network.
//! 5. [`SessionEvent::ConnectionState`] tells when media flows. [`Session::player`] shows the other side; its sound plays
//!    by itself. [`Session::send`] reaches it on a named data channel; [`CONTROL`] is always there.
//! 6. [`Session::close_peer`] ends one, [`Session::close`] all. A session that is dropped without it leaves its
//!    connections to time out.
//!
//! # Agreeing again
//! Either side may make an offer at any time: after [`SessionEvent::NegotiationNeeded`], or by hand. A signaling loop is
//! short: hand what comes to [`Session::accept_description`] and [`Session::accept_candidate`], and send what they and
//! the events give. When two offers cross, the side with [`PeerConfig::polite`] takes its own back; no answer after a
//! while means that something was lost, and [`Session::create_offer`] gives the same offer again. What signaling must do
//! and what is mended here is written down in [`crate::call::negotiation`].
//!
//! Own media: [`Session::devices`] lists what is there and tells of every hot-plug; [`Session::request_user_media`] opens
//! camera and microphone, [`Session::request_display`] shares a screen or window instead of the camera or beside it.
//!
//! Devices are open only while somebody looks ([`Session::set_preview`]) or a peer is there. Sound and picture are
//! negotiated in both directions from the start, so that switching, muting and choosing another device never negotiates
//! again.
//!
//! Every event names its peer; one peer's failure touches no other. Events must be read: a peer waits when their queue
//! (256) is full, its media does not.
//!
//! # Example
//! Two sessions in one process, with patterns instead of devices:
//! ```
//! use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
//! use visavis::session::*;
//!
//! fn config() -> SessionConfig {
//!     SessionConfig {
//!         camera: VideoInput::Spec(VideoSpec::Scene),
//!         microphone: AudioSpec::Tone(440).into(),
//!         speaker: SinkSpec::None.into(),
//!         ring: SinkSpec::None.into(),
//!         video: VideoRequest { width: 320, height: 180, fps: 30 },
//!         ..SessionConfig::default()
//!     }
//! }
//!
//! # #[tokio::main] async fn main() -> Result<(), SessionError> {
//! let (ann, mut events) = Session::start(config());
//! let (bob, _bobs_events) = Session::start(config());
//! ann.add_peer("bob", PeerConfig::default()).await?;
//! bob.add_peer("ann", PeerConfig::default()).await?;
//!
//! let offer = ann.create_offer("bob").await?.to_string(); // JSON, for any signaling
//! let answer = bob.accept_offer("ann", offer).await?.to_string();
//! ann.accept_answer("bob", answer).await?;
//!
//! while let Some(event) = events.recv().await {
//!     match event {
//!         SessionEvent::Candidate { peer, candidate } => { // `peer` is "bob": over to him
//!             assert_eq!(peer, "bob");
//!             bob.accept_candidate("ann", candidate).await?;
//!         }
//!         SessionEvent::FirstFrame { .. } => break,
//!         _ => {}
//!     }
//! }
//! assert!(ann.player("bob")?.newest().is_some());
//! ann.close().await;
//! bob.close().await;
//! # Ok(()) }
//! ```
//!
//! # The contract, row by row
//! What a component for calls must offer, the items that offer it, and the tests that hold them to it: against another
//! session of ours, and, where it crosses the wire, against a headless browser (`tests/browser`).
//!
//! | row | items | tests | tests with a browser |
//! |---|---|---|---|
//! | P1 list devices | `Session::devices`, `SessionEvent::DevicesListed` | `p01_whoever_asks_gets_the_list_and_everybody_the_event`, `p01_the_list_comes_again_on_every_hot_plug` | – |
//! | P2 user media by flags | `Session::request_user_media`, `UserMediaRequest` | `p02_user_media_by_flags_is_the_default_or_a_reason` | `p02_browser_a_call_with_our_sound_only_has_its_picture_still` |
//! | P3 user media by ID | `Session::request_user_media`, `UserMediaError` | `p03_user_media_by_id_is_exactly_that_or_a_typed_error` | – |
//! | P4 constraints hook | `Session::on_constraints`, `Constraints` | `p04_the_hook_changes_how_devices_open` | – |
//! | P5 camera and microphone off and on | `Session::set_camera_enabled`, `Session::set_muted` | `p05_off_is_black_and_silence_at_once_and_the_handle_is_free` | `p05_browser_our_camera_off_is_black_there_and_comes_back`, `p05_browser_its_camera_off_is_black_here_and_comes_back`, `p05_browser_a_muted_microphone_is_silence_on_either_side` |
//! | P6 share a screen or window | `Session::request_display`, `DisplayRequest`, `DisplayPlace` | `p06_a_shared_display_replaces_the_camera_and_back`, `p06_a_shared_display_goes_beside_the_camera_and_away_again`, `p06_a_window_and_a_screen_are_shared` | `p06_browser_our_other_source_replaces_the_camera_without_renegotiation`, `p06_browser_its_other_source_replaces_the_camera_without_renegotiation` |
//! | P7 stop them | `Session::stop_user_media`, `Session::stop_display` | `p07_stopping_releases_the_devices_and_the_peer_sees_it` | `p05_browser_our_camera_off_is_black_there_and_comes_back` |
//! | P8 add a peer | `Session::add_peer`, `PeerConfig`, `PeerConfig::bundle`, `PeerConfig::policy`, `Session::player` | `p08_each_peer_has_its_own_id_player_and_configuration` | `p08_browser_relay_only_without_a_relay_is_said_when_the_peer_is_added` |
//! | P9 default ICE servers | `SessionConfig::ice_servers`, `Session::set_ice_servers`, `PeerConfig::ice_servers`, `Session::set_peer_ice_servers` | `p09_default_ice_servers_are_copied_when_a_peer_is_added`, `credentials_for_a_time_are_used_until_then_and_renewed_in_a_call` | – |
//! | P10 create offer | `Session::create_offer`, `Description` | `p10_the_offer_carries_channels_and_tracks_added_so_far` | `p10_browser_our_offer_brings_pictures_and_sound_both_ways` |
//! | P11 accept offer | `Session::accept_offer`, `Session::accept_description` | `p11_an_offer_is_taken_typed_or_as_text_and_answered` | `p11_browser_its_offer_brings_pictures_and_sound_both_ways`, `p11_browser_every_bundle_policy_of_its_is_answered`, `p11_browser_one_that_only_receives_is_answered` |
//! | P12 accept answer | `Session::accept_answer` | `p12_an_answer_is_taken_once_and_only_for_what_was_offered` | `p12_browser_an_answer_that_sends_nothing_is_a_call_one_way` |
//! | P13 accept candidate | `Session::accept_candidate`, `Candidate` | `p13_candidates_wait_for_their_description`, `ten_thousand_candidates_are_bounded` | `p13_browser_candidates_before_the_description_wait_for_it`, `p13_browser_addresses_hidden_behind_names_are_met_all_the_same` |
//! | P14 trickle or wait | `Session::complete_description`, `SessionEvent::OfferWithCandidates`, `SessionEvent::AnswerWithCandidates` | `p14_trickle_goes_by_events_alone`, `p14_two_whole_texts_connect_without_any_signaling`, `two_people_connect_by_copy_and_paste` | `p14_browser_our_offer_and_its_answer_with_all_candidates_inside`, `p14_browser_its_offer_and_our_answer_with_all_candidates_inside` |
//! | P15 data channels | `Session::add_channel`, `Session::channels`, `Session::close_channel`, `ChannelConfig` | `p15_channels_of_the_offer_and_a_late_one_reach_the_other_side_with_their_options`, `p15_what_only_the_answering_side_added_opens_too`, `p15_both_sides_may_add_one_of_the_same_name_at_once`, `p15_one_channel_is_closed_and_both_sides_are_told` | `p15_browser_channels_of_our_offer_arrive_there_with_their_options`, `p15_browser_channels_of_its_offer_open_here`, `p15_browser_a_late_channel_of_either_side_needs_no_negotiation` |
//! | P16 send data | `Session::send`, `Session::writable`, `Session::buffered_amount`, `Message`, `ChannelError` | `p16_text_and_bytes_go_whole_both_ways`, `p16_before_it_opens_messages_wait_up_to_a_bound_and_then_go_out_in_order`, `p16_ten_thousand_messages_over_two_channels_all_come_in_order`, `p16_a_sender_waits_while_the_other_side_does_not_read` | `p16_browser_what_was_sent_before_the_channel_opened_arrives_in_order`, `p16_browser_large_and_many_messages_arrive_whole_and_in_order` |
//! | P17 restart ICE | `Session::restart_ice` | `p17_ice_is_restarted_by_hand_from_either_side_and_media_go_on`, `p17_two_restarts_that_cross_are_sorted_out`, `a_call_goes_on_at_another_address` | `p17_browser_its_ice_restart_keeps_the_call` |
//! | P18 close a peer | `Session::close_peer`, `Session::close` | `p18_the_end_is_known_within_a_second_and_nothing_is_left`, `five_hundred_peers_come_and_go_and_leave_nothing` | `p18_browser_its_end_is_noticed_here_within_a_second`, `p18_browser_our_end_is_noticed_there_within_a_second` |
//! | P19 several peers at once | `Session::peers`, `SessionEvent` | `p19_what_one_peer_does_is_nothing_to_the_others`, `a_flood_on_one_channel_costs_bounded_memory_and_no_other_peer` | `p19_browser_several_pages_at_once_and_the_end_of_one_is_nothing_to_the_others` |
//!
//! | event | items | tests |
//! |---|---|---|
//! | event: devices listed | `SessionEvent::DevicesListed` | `p01_whoever_asks_gets_the_list_and_everybody_the_event` |
//! | event: before and after user media | `SessionEvent::BeforeUserMedia`, `SessionEvent::AfterUserMedia` | `p02_user_media_by_flags_is_the_default_or_a_reason` |
//! | event: user media started, error | `SessionEvent::UserMediaStarted`, `SessionEvent::UserMediaError` | `p02_user_media_by_flags_is_the_default_or_a_reason` |
//! | event: state of a device | `SessionEvent::MediaState` | `p02_p03_p04_a_microphone_by_flag_by_id_and_by_constraints` |
//! | event: after display media, display ended | `SessionEvent::AfterDisplayMedia`, `SessionEvent::DisplayEnded` | `p06_a_shared_display_replaces_the_camera_and_back` |
//! | event: offer, answer | `SessionEvent::Offer`, `SessionEvent::Answer` | `p14_trickle_goes_by_events_alone` |
//! | event: with candidates | `SessionEvent::OfferWithCandidates`, `SessionEvent::AnswerWithCandidates` | `p14_two_whole_texts_connect_without_any_signaling` |
//! | event: ICE candidate, the last of them | `SessionEvent::Candidate`, `SessionEvent::CandidatesComplete` | `p13_candidates_wait_for_their_description` |
//! | event: ICE gathering and connection state | `SessionEvent::IceGatheringState`, `SessionEvent::IceConnectionState` | `p14_two_whole_texts_connect_without_any_signaling` |
//! | event: connection state | `SessionEvent::ConnectionState` | `p18_the_end_is_known_within_a_second_and_nothing_is_left` |
//! | event: signaling state | `SessionEvent::SignalingState` | `p11_an_offer_is_taken_typed_or_as_text_and_answered` |
//! | event: negotiation needed | `SessionEvent::NegotiationNeeded` | `p10_the_offer_carries_channels_and_tracks_added_so_far` |
//! | event: a server of no use, credentials that end | `SessionEvent::IceServerFailed`, `SessionEvent::IceServersExpire` | `a_wrong_password_is_told_and_the_other_ways_work`, `credentials_for_a_time_are_used_until_then_and_renewed_in_a_call` |
//! | event: track, its end, first picture | `SessionEvent::Track`, `SessionEvent::TrackEnded`, `SessionEvent::FirstFrame` | `p06_a_shared_display_goes_beside_the_camera_and_away_again`, `pictures_sound_and_messages_go_both_ways` |
//! | event: data channel open, message, closed | `SessionEvent::ChannelOpen`, `SessionEvent::Message`, `SessionEvent::ChannelClosed` | `p15_one_channel_is_closed_and_both_sides_are_told` |
//! | event: statistics | `SessionEvent::Stats`, `Session::set_stats_interval`, `Session::stats_report` | `the_tick_tells_every_peers_statistics_while_it_is_wanted` |
//!
//! # Latency between two sessions of one process
//! A frame in a player carries the media time that the transport gave it; [`Session::captured_at`] of the *sending*
//! session turns it into the instant of capture. See there.

mod beside;
mod channels;
mod credentials;
mod link;
mod manager;
mod media;
mod negotiate;
mod process;
mod report;
mod request;
mod share;
mod stats;
mod switches;
mod tracks;
mod types;

pub use crate::device::VideoRequest;
pub use crate::dsp::clips::Sound;
pub use crate::model::report::StatsReport;
pub use crate::pipeline::audio::{AudioInput, AudioOutput};
pub use crate::pipeline::publish::VideoInput;
pub use crate::rtc::channel::{CONTROL, Channel, ChannelConfig, ChannelError, ChannelState, MAX_MESSAGE, Message};
pub use crate::rtc::description::{Candidate, Description, DescriptionError, DescriptionKind, IceServer};
pub use crate::rtc::engine::{BundlePolicy, RtcError};
pub use crate::rtc::ice::server::ServerError;
pub use crate::rtc::ice::url::UrlError;
pub use crate::rtc::ice::{ServerFailure, ServerTrouble};
pub use crate::rtc::peer::{ConnectionState, IceConnectionState, IceGatheringState, STREAM, SignalingState};
pub use crate::rtc::sdp::TrackKind;
pub use beside::DISPLAY_STREAM;
pub use manager::Session;
pub use process::process;
pub use request::{Constraints, DisplayPlace, DisplayRequest, Facing, UserMediaError, UserMediaRequest, Wanted};
pub use types::{PeerConfig, RemoteTrack, SessionConfig, SessionError, SessionEvent, TransportPolicy};
