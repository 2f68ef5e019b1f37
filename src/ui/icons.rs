//! The icons used, as characters of Phosphor 2 (MIT): regular and fill share their code points.

/// `arrows-clockwise`.
pub const ARROWS_CLOCKWISE: &str = "\u{E094}";
/// `arrows-in-simple`.
pub const ARROWS_IN_SIMPLE: &str = "\u{E09E}";
/// `arrows-left-right`.
pub const ARROWS_LEFT_RIGHT: &str = "\u{E0A0}";
/// `arrows-out-simple`.
pub const ARROWS_OUT_SIMPLE: &str = "\u{E0A6}";
/// `arrow-down-left`.
pub const ARROW_DOWN_LEFT: &str = "\u{E040}";
/// `arrow-left`.
pub const ARROW_LEFT: &str = "\u{E058}";
/// `arrow-up-right`.
pub const ARROW_UP_RIGHT: &str = "\u{E092}";
/// `bell-ringing`.
pub const BELL_RINGING: &str = "\u{E5E8}";
/// `bell-slash`.
pub const BELL_SLASH: &str = "\u{E0D4}";
/// `caret-down`.
pub const CARET_DOWN: &str = "\u{E136}";
/// `caret-right`.
pub const CARET_RIGHT: &str = "\u{E13A}";
/// `caret-up`.
pub const CARET_UP: &str = "\u{E13C}";
/// `cell-signal-full`.
pub const CELL_SIGNAL_FULL: &str = "\u{E142}";
/// `chart-bar`.
pub const CHART_BAR: &str = "\u{E150}";
/// `chart-line`.
pub const CHART_LINE: &str = "\u{E154}";
/// `chat-circle-text`.
pub const CHAT_CIRCLE_TEXT: &str = "\u{E16E}";
/// `check`.
pub const CHECK: &str = "\u{E182}";
/// `checks`.
pub const CHECKS: &str = "\u{E53A}";
/// `check-circle`.
pub const CHECK_CIRCLE: &str = "\u{E184}";
/// `clipboard-text`.
pub const CLIPBOARD_TEXT: &str = "\u{E198}";
/// `clock`.
pub const CLOCK: &str = "\u{E19A}";
/// `clock-counter-clockwise`.
pub const CLOCK_COUNTER_CLOCKWISE: &str = "\u{E1A0}";
/// `cloud-slash`.
pub const CLOUD_SLASH: &str = "\u{E1B6}";
/// `copy`.
pub const COPY: &str = "\u{E1CA}";
/// `dots-three`.
pub const DOTS_THREE: &str = "\u{E1FE}";
/// `dots-three-vertical`.
pub const DOTS_THREE_VERTICAL: &str = "\u{E208}";
/// `download-simple`.
pub const DOWNLOAD_SIMPLE: &str = "\u{E20C}";
/// `file`.
pub const FILE: &str = "\u{E230}";
/// `folder-open`.
pub const FOLDER_OPEN: &str = "\u{E256}";
/// `frame-corners`.
pub const FRAME_CORNERS: &str = "\u{E626}";
/// `gear-six`.
pub const GEAR_SIX: &str = "\u{E272}";
/// `hand`.
pub const HAND: &str = "\u{E298}";
/// `info`.
pub const INFO: &str = "\u{E2CE}";
/// `keyboard`.
pub const KEYBOARD: &str = "\u{E2D8}";
/// `link-simple`.
pub const LINK_SIMPLE: &str = "\u{E2E6}";
/// `lock`.
pub const LOCK: &str = "\u{E2FA}";
/// `magnifying-glass`.
pub const MAGNIFYING_GLASS: &str = "\u{E30C}";
/// `microphone`.
pub const MICROPHONE: &str = "\u{E326}";
/// `microphone-slash`.
pub const MICROPHONE_SLASH: &str = "\u{E328}";
/// `monitor`.
pub const MONITOR: &str = "\u{E32E}";
/// `monitor-arrow-up`.
pub const MONITOR_ARROW_UP: &str = "\u{E58A}";
/// `moon`.
pub const MOON: &str = "\u{E330}";
/// `paint-brush`.
pub const PAINT_BRUSH: &str = "\u{E6F0}";
/// `paperclip`.
pub const PAPERCLIP: &str = "\u{E39A}";
/// `paper-plane-right`.
pub const PAPER_PLANE_RIGHT: &str = "\u{E396}";
/// `pause`.
pub const PAUSE: &str = "\u{E39E}";
/// `pencil-simple`.
pub const PENCIL_SIMPLE: &str = "\u{E3B4}";
/// `phone`.
pub const PHONE: &str = "\u{E3B8}";
/// `phone-call`.
pub const PHONE_CALL: &str = "\u{E3BA}";
/// `phone-disconnect`.
pub const PHONE_DISCONNECT: &str = "\u{E3BC}";
/// `phone-x`.
pub const PHONE_X: &str = "\u{E3C4}";
/// `play`.
pub const PLAY: &str = "\u{E3D0}";
/// `plus`.
pub const PLUS: &str = "\u{E3D4}";
/// `push-pin`.
pub const PUSH_PIN: &str = "\u{E3E2}";
/// `push-pin-slash`.
pub const PUSH_PIN_SLASH: &str = "\u{E3E4}";
/// `question`.
pub const QUESTION: &str = "\u{E3E8}";
/// `speaker-high`.
pub const SPEAKER_HIGH: &str = "\u{E44A}";
/// `speaker-slash`.
pub const SPEAKER_SLASH: &str = "\u{E45A}";
/// `squares-four`.
pub const SQUARES_FOUR: &str = "\u{E464}";
/// `sun`.
pub const SUN: &str = "\u{E472}";
/// `trash`.
pub const TRASH: &str = "\u{E4A6}";
/// `user`.
pub const USER: &str = "\u{E4C2}";
/// `users`.
pub const USERS: &str = "\u{E4D6}";
/// `user-plus`.
pub const USER_PLUS: &str = "\u{E4D0}";
/// `user-rectangle`.
pub const USER_RECTANGLE: &str = "\u{E4D2}";
/// `video-camera`.
pub const VIDEO_CAMERA: &str = "\u{E4DA}";
/// `video-camera-slash`.
pub const VIDEO_CAMERA_SLASH: &str = "\u{E4DC}";
/// `warning`.
pub const WARNING: &str = "\u{E4E0}";
/// `warning-circle`.
pub const WARNING_CIRCLE: &str = "\u{E4E2}";
/// `waveform`.
pub const WAVEFORM: &str = "\u{E802}";
/// `wifi-high`.
pub const WIFI_HIGH: &str = "\u{E4EA}";
/// `wifi-slash`.
pub const WIFI_SLASH: &str = "\u{E4F2}";
/// `x`.
pub const X: &str = "\u{E4F6}";
