//! STUN and TURN servers: which there are, added, changed and taken away; and whether calls go through a relay only.

use eframe::egui::{Key, Rect, Stroke, StrokeKind, Ui, pos2};

use super::{ROW, switch_card, title};
use crate::client::preferences::{check_servers, has_relay};
use crate::model::ice::IceServer;
use crate::ui::app::Scene;
use crate::ui::devices::sentence;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, RIGHT, label, paragraph, rect};
use crate::ui::theme::{corner, icon, medium, regular};
use crate::ui::widgets::{Button, Kind, field, secret_field};

/// A server that is being written.
#[derive(Clone, Default)]
pub(in crate::ui::settings) struct Draft {
    /// Which of the list; `None`: a new one.
    at: Option<usize>,
    /// Addresses, with spaces between.
    address: String,
    username: String,
    credential: String,
    /// What is wrong with it, once somebody tried to keep it.
    wrong: String,
}

impl std::fmt::Debug for Draft {
    /// Without the password, which must not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("at", &self.at).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Draft {
    fn of(at: usize, server: &IceServer) -> Self {
        let (username, credential) = (server.username.clone(), server.credential.clone());
        Self { at: Some(at), address: server.urls.join(" "), username, credential, wrong: String::new() }
    }

    /// The list with this server in it.
    fn among(&self, servers: &[IceServer]) -> Vec<IceServer> {
        let mut all = servers.to_vec();
        let server = IceServer {
            urls: self.address.split_whitespace().map(str::to_owned).collect(),
            username: self.username.trim().to_owned(),
            credential: self.credential.clone(),
            expires: None,
        };
        match self.at.and_then(|at| all.get_mut(at)) {
            Some(place) => {
                // The same credentials end when they did before.
                let same = (&place.username, &place.credential) == (&server.username, &server.credential);
                *place = IceServer { expires: place.expires.filter(|_| same), ..server };
            }
            None => all.push(server),
        }
        all
    }
}

/// One server, and the form.
const LINE: f32 = 64.0;
const FORM: f32 = 232.0;
/// From the top to the list.
const LIST: f32 = ROW + 36.0;

pub(super) fn height(s: &Scene<'_>) -> f32 {
    let lines = s.snap.settings.ice_servers.len().max(1) as f32 * LINE;
    LIST + lines + if s.state.settings.relay.is_some() { FORM } else { 44.0 } + 100.0
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    let (x, w) = (a.left(), a.width());
    let settings = s.snap.settings.clone();
    let lonely = settings.relay_only && !has_relay(&settings.ice_servers);
    let sub = if lonely {
        "Add a TURN server below: without one no call gets through"
    } else {
        "Calls go through a TURN server below, and the other side does not learn where you are"
    };
    let at = rect(x, a.top() - 6.0, w, ROW);
    if let Some(on) = switch_card(ui, s, at, "relay-only", "Relay only (hides my address)", sub, settings.relay_only) {
        s.change(|settings| settings.relay_only = on);
    }
    let y = a.top() + LIST - 6.0;
    title(ui, s, x, y - 14.0, "STUN and TURN servers");
    label(ui, pos2(x + w, y - 14.0), RIGHT, "From the next call on", regular(12.0), t.text3, w / 2.0);
    for (n, server) in settings.ice_servers.iter().enumerate() {
        line(ui, s, rect(x, y + LINE * n as f32, w, LINE - 8.0), n, server);
    }
    if settings.ice_servers.is_empty() {
        let words = "None. Within one network calls need no help; between networks a STUN server finds the direct path, \
                     and a TURN server passes calls on where there is none.";
        paragraph(ui, pos2(x, y + 6.0), w, words, regular(13.0), 19.0, t.text2, false);
    }
    let y = y + LINE * settings.ice_servers.len().max(1) as f32;
    let end = match s.state.settings.relay.take() {
        Some(draft) => form(ui, s, rect(x, y, w, FORM), draft),
        None => {
            let add = Button::new("relay-add", rect(x, y, 160.0, 40.0), Kind::Second).icon(icons::PLUS);
            if add.label("Add a server").size(13.5).show(ui, &t).clicked() {
                s.state.settings.relay = Some(Draft::default());
            }
            y + 40.0
        }
    };
    let words = "An address is stun:host, turn:host or turns:host, with :port after it where it is another than usual, \
                 and ?transport=tcp where UDP is blocked. Several of one server stand in one field.";
    paragraph(ui, pos2(x, end + 14.0), w, words, regular(12.5), 18.0, t.text3, false);
}

/// One server of the list.
fn line(ui: &mut Ui, s: &mut Scene<'_>, at: Rect, n: usize, server: &IceServer) {
    let t = s.t;
    ui.painter().rect(at, corner(14.0), t.inset, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let relay = has_relay(std::slice::from_ref(server));
    let glyph = if relay { icons::ARROWS_LEFT_RIGHT } else { icons::WIFI_HIGH };
    let y = at.center().y;
    ui.painter().text(pos2(at.left() + 27.0, y), CENTER, glyph, icon(19.0), t.text2);
    let urls = server.urls.join("  ");
    let sub = if relay { format!("Relay, user {}", server.username) } else { "Finds the direct path".to_owned() };
    let room = at.width() - 160.0;
    label(ui, pos2(at.left() + 48.0, y - 10.0), LEFT, &urls, medium(14.0), t.text, room);
    label(ui, pos2(at.left() + 48.0, y + 10.5), LEFT, &sub, regular(12.5), t.text2, room);
    let first = server.urls.first().map_or("the server", String::as_str);
    let edit = Button::new(("relay-edit", n), rect(at.right() - 92.0, y - 18.0, 36.0, 36.0), Kind::Ghost);
    if edit.icon(icons::PENCIL_SIMPLE).name(&format!("Change {first}")).show(ui, &t).clicked() {
        s.state.settings.relay = Some(Draft::of(n, server));
    }
    let remove = Button::new(("relay-remove", n), rect(at.right() - 48.0, y - 18.0, 36.0, 36.0), Kind::Ghost);
    if remove.icon(icons::TRASH).name(&format!("Remove {first}")).show(ui, &t).clicked() {
        // What is being written may be of the list as it was.
        s.state.settings.relay = None;
        s.change(|settings| {
            if n < settings.ice_servers.len() {
                settings.ice_servers.remove(n);
            }
        });
    }
}

/// The fields of a server; kept only where it can be used. Gives its lower edge.
fn form(ui: &mut Ui, s: &mut Scene<'_>, at: Rect, mut draft: Draft) -> f32 {
    let t = s.t;
    ui.painter().rect(at, corner(14.0), t.inset, Stroke::new(1.0, t.edge), StrokeKind::Inside);
    let (x, w) = (at.left() + 16.0, at.width() - 32.0);
    let before = draft.clone();
    let f = rect(x, at.top() + 16.0, w, 48.0);
    let hint = "turn:turn.example.org";
    let address =
        field(ui, &t, "relay-address", f, icons::LINK_SIMPLE, "Server address", hint, &mut draft.address, 2048, 8.0);
    let half = (w - 12.0) / 2.0;
    let f = rect(x, at.top() + 76.0, half, 48.0);
    let user = field(ui, &t, "relay-user", f, icons::USER, "User", "User, for a relay", &mut draft.username, 508, 8.0);
    let f = rect(x + half + 12.0, at.top() + 76.0, half, 48.0);
    let password = secret_field(ui, &t, "relay-password", f, "Password", &mut draft.credential);
    if (&draft.address, &draft.username, &draft.credential) != (&before.address, &before.username, &before.credential) {
        draft.wrong.clear();
    }
    let (words, ink) = if draft.wrong.is_empty() {
        ("A relay needs user and password, which are kept in your profile.", t.text2)
    } else {
        (draft.wrong.as_str(), t.amber)
    };
    paragraph(ui, pos2(x, at.top() + 134.0), w, words, regular(13.0), 18.0, ink, false);
    let y = at.bottom() - 16.0 - 36.0;
    let entered =
        [&address, &user, &password].iter().any(|field| field.lost_focus()) && ui.input(|i| i.key_pressed(Key::Enter));
    let keep = Button::new("relay-keep", rect(at.right() - 16.0 - 96.0, y, 96.0, 36.0), Kind::Primary);
    let keep = keep.label("Save").size(13.5).name("Save the server").show(ui, &t).clicked() || entered;
    let cancel = Button::new("relay-cancel", rect(at.right() - 16.0 - 204.0, y, 96.0, 36.0), Kind::Second);
    if cancel.label("Cancel").size(13.5).name("Do not keep the server").show(ui, &t).clicked() {
        return at.bottom();
    }
    if keep {
        let servers = draft.among(&s.snap.settings.ice_servers);
        match check_servers(&servers) {
            Ok(()) => {
                s.change(|settings| settings.ice_servers = servers);
                return at.bottom();
            }
            Err(why) => draft.wrong = sentence(&why),
        }
    }
    s.state.settings.relay = Some(draft);
    at.bottom()
}
