//! Files in a call: a card each in the chat panel, files dropped on the window, and where to write the path of one.

use eframe::egui::accesskit::Role;
use eframe::egui::epaint::RectShape;
use eframe::egui::{
    Align2, Color32, ColorImage, CursorIcon, Event, Id, Key, Modifiers, Rect, Sense, Stroke, StrokeKind, TextEdit,
    TextureOptions, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use std::path::PathBuf;
use std::sync::Arc;

use super::State;
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::link;
use crate::model::snapshot::{CallView, MemberView};
use crate::model::transfer::{Picture, Preview, TransferState, TransferView, amount};
use crate::ui::app::Scene;
use crate::ui::devices::sentence;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, label, paragraph, paragraph_height, rect, tile_icon};
use crate::ui::theme::{DARK, corner, icon, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind, focus_ring, named, tooltip};
use crate::ui::words;

/// Height of a card without what comes below its first two lines.
const HEAD: f32 = 60.0;
/// Height of its buttons with words, and of how it goes on with its bar.
const BUTTONS: f32 = 42.0;
const BAR: f32 = 32.0;
/// Most height of a picture in it.
const PICTURE: f32 = 240.0;

/// Height of the strip in which a path is written.
pub(super) const STRIP: f32 = 92.0;

/// A file in the panel.
pub(super) fn card(ui: &mut Ui, s: &mut Scene<'_>, view: &CallView, file: &TransferView, width: f32) {
    let t = DARK;
    let w = (width * 0.88).min(width);
    let words = said(view, file);
    let failed = matches!(file.state, TransferState::Failed(_));
    let shown = picture(&file.preview, w - 24.0);
    let broken = match &file.preview {
        Preview::Broken(words) => sentence(words),
        _ => String::new(),
    };
    let broken_high = if broken.is_empty() {
        0.0
    } else {
        paragraph_height(ui.painter(), w - 24.0, &broken, regular(12.0), 17.0) + 8.0
    };
    let high = shown.map_or(0.0, |size| size.y + 12.0) + broken_high;
    let below = match &file.state {
        TransferState::Offered if !file.mine => BUTTONS,
        TransferState::Running | TransferState::Waiting => BAR,
        TransferState::Failed(_) => paragraph_height(ui.painter(), w - 24.0, &words, regular(12.0), 17.0) + 8.0,
        _ => 0.0,
    };
    let (row, _) = ui.allocate_exact_size(vec2(width, HEAD + below + high + 8.0), Sense::hover());
    let left = if file.mine { row.right() - w } else { row.left() };
    let r = rect(left, row.top() + 2.0, w, HEAD + below + high);
    ui.painter().rect(r, corner(14.0), t.surface2, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let response = ui.interact(r, Id::unique(("file", file.id)), Sense::hover());
    let spoken = format!("{}, {}, {words}", file.name, amount(file.size));
    response.widget_info(|| WidgetInfo::labeled(Role::Group, true, &spoken));
    tile_icon(ui.painter(), pos2(r.left() + 30.0, r.top() + 30.0), 38.0, icons::FILE, t.accent_soft, t.accent_text);
    let x = r.left() + 58.0;
    let room = r.right() - 46.0 - x;
    label(ui, pos2(x, r.top() + 21.0), LEFT, &file.name, semibold(13.0), t.text, room);
    let on_its_way = matches!(file.state, TransferState::Running | TransferState::Waiting);
    let (second, third) = match words.split_once(" · ").filter(|_| on_its_way) {
        Some((far, how)) => (far.to_owned(), how.to_owned()),
        None if failed => (amount(file.size), String::new()),
        None => (words.clone(), String::new()),
    };
    label(ui, pos2(x, r.top() + 40.0), LEFT, &second, regular(11.5), t.text3, room);
    if on_its_way {
        let at = pos2(r.left() + 12.0, r.top() + HEAD + 3.0);
        label(ui, at, LEFT, &third, regular(11.5), t.text2, r.width() - 24.0);
    }
    let corner_at = rect(r.right() - 42.0, r.top() + 13.0, 34.0, 34.0);
    match &file.state {
        TransferState::Offered if !file.mine => answers(ui, s, r, file),
        TransferState::Offered | TransferState::Waiting | TransferState::Running => {
            let name = format!("Cancel {}", file.name);
            let button = Button::new(("file-cancel", file.id), corner_at, Kind::Ghost).icon(icons::X).icon_size(16.0);
            if button.name(&name).tip("Cancel").show(ui, &t).clicked() {
                s.send(Command::CancelFile(file.id));
            }
        }
        TransferState::Done if !file.mine => {
            let name = format!("Open folder of {}", file.name);
            let button = Button::new(("file-folder", file.id), corner_at, Kind::Ghost).icon(icons::FOLDER_OPEN);
            if button.icon_size(18.0).name(&name).tip("Open folder").show(ui, &t).clicked() {
                s.send(Command::OpenFolder(file.id));
            }
        }
        TransferState::Done => {
            ui.painter().text(corner_at.center(), CENTER, icons::CHECKS, icon(16.0), t.accent_text);
        }
        TransferState::Failed(_) => {
            ui.painter().text(corner_at.center(), CENTER, icons::WARNING_CIRCLE, icon(17.0), t.amber);
            let at = pos2(r.left() + 12.0, r.top() + HEAD - 2.0);
            paragraph(ui, at, w - 24.0, &words, regular(12.0), 17.0, t.text2, false);
        }
        TransferState::Refused | TransferState::Cancelled { .. } => {}
    }
    if on_its_way {
        bar(ui, Rect::from_min_max(r.min, pos2(r.right(), r.bottom() - high)), file);
    }
    if let (Some(size), Preview::Picture(picture)) = (shown, &file.preview) {
        show_picture(ui, s, rect(r.left() + 12.0, r.bottom() - 12.0 - size.y, w - 24.0, size.y), file, picture);
    } else if !broken.is_empty() {
        let at = pos2(r.left() + 12.0, r.bottom() - broken_high);
        paragraph(ui, at, w - 24.0, &broken, regular(12.0), 17.0, t.text2, false);
    }
}

/// How large a picture is shown in so much width, points: whole, and no larger than it is.
fn picture(preview: &Preview, width: f32) -> Option<Vec2> {
    let Preview::Picture(picture) = preview else { return None };
    let whole = vec2(picture.width.max(1) as f32, picture.height.max(1) as f32);
    Some(whole * (width / whole.x).min(PICTURE / whole.y).min(1.0))
}

/// The picture in its card, in the middle; a click opens it.
fn show_picture(ui: &mut Ui, s: &mut Scene<'_>, area: Rect, file: &TransferView, picture: &Picture) {
    let Some(size) = self::picture(&file.preview, area.width()) else { return };
    let r = Rect::from_center_size(area.center(), size);
    let texture = s.state.call.pictures.entry(file.id).or_insert_with(|| {
        let size = [picture.width, picture.height].map(|side| side as usize);
        let image = ColorImage::from_rgba_unmultiplied(size, &picture.rgba);
        ui.ctx().load_texture(format!("file {}", file.id), image, TextureOptions::LINEAR)
    });
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let shape = RectShape::filled(r, corner(8.0), Color32::WHITE).with_texture(texture.id(), whole);
    let response = ui.interact(r, Id::unique(("file-picture", file.id)), Sense::click());
    ui.painter().add(shape);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open picture {}", file.name)));
    focus_ring(ui, &DARK, &response, 8.0);
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let clicked = response.clicked();
    tooltip(response, &DARK, Some("Open"), None);
    if clicked {
        s.send(Command::OpenPicture(file.id));
    }
}

fn answers(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, file: &TransferView) {
    let t = DARK;
    let (y, half) = (r.bottom() - BUTTONS, (r.width() - 32.0) / 2.0);
    let (save, refuse) = (format!("Save {}", file.name), format!("Refuse {}", file.name));
    let at = rect(r.left() + 12.0, y, half, 32.0);
    let button = Button::new(("file-save", file.id), at, Kind::Primary).icon(icons::DOWNLOAD_SIMPLE).label("Save");
    if button.size(13.0).name(&save).show(ui, &t).clicked() {
        s.send(Command::AcceptFile(file.id));
    }
    let button = Button::new(("file-refuse", file.id), rect(at.right() + 8.0, y, half, 32.0), Kind::Second);
    if button.label("Refuse").size(13.0).name(&refuse).show(ui, &t).clicked() {
        s.send(Command::RefuseFile(file.id));
    }
}

fn bar(ui: &mut Ui, r: Rect, file: &TransferView) {
    let t = DARK;
    let track = rect(r.left() + 12.0, r.bottom() - 15.0, r.width() - 24.0, 5.0);
    let share = if file.size == 0 { 1.0 } else { (file.done as f64 / file.size as f64).clamp(0.0, 1.0) };
    ui.painter().rect_filled(track, corner(2.5), t.surface3);
    let done = rect(track.left(), track.top(), track.width() * share as f32, track.height());
    let ink = if file.state == TransferState::Running { t.accent } else { t.text3 };
    ui.painter().rect_filled(done, corner(2.5), ink);
    let response = ui.interact(track, Id::unique(("file-bar", file.id)), Sense::hover());
    let spoken = format!("{} of {}", amount(file.done), amount(file.size));
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, &spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_numeric_value((share * 100.0).round());
        (node.set_min_numeric_value(0.0), node.set_max_numeric_value(100.0)).1
    });
}

/// How a file stands, in words.
fn said(view: &CallView, file: &TransferView) -> String {
    let size = amount(file.size);
    let with = |member: &&MemberView| member.peer == Callee::Peer(file.peer);
    let name = view.members.iter().find(with).map_or(view.name(), |member| member.name.as_str());
    match &file.state {
        TransferState::Offered if file.mine => format!("{size} · {} has not answered yet", name),
        TransferState::Offered => format!("{size} · offered by {}", name),
        TransferState::Waiting => format!("{} of {size} · waits for the connection", amount(file.done)),
        TransferState::Running => match file.left_s() {
            Some(left) => {
                let left = words::duration(u32::try_from(left).unwrap_or(u32::MAX));
                format!("{} of {size} · {}/s · {left} left", amount(file.done), amount(file.rate))
            }
            None => format!("{} of {size}", amount(file.done)),
        },
        TransferState::Done if file.mine => format!("{size} · received by {}", name),
        TransferState::Done => format!("{size} · saved"),
        TransferState::Refused if file.mine => format!("{size} · {} did not take it", name),
        TransferState::Refused => format!("{size} · you did not take it"),
        TransferState::Cancelled { by_us: true } => format!("{size} · you stopped it"),
        TransferState::Cancelled { by_us: false } => format!("{size} · {} stopped it", name),
        TransferState::Failed(words) => sentence(words),
    }
}

/// Files dropped on the window, and links to files that were copied in a file manager and pasted. While some are held over it,
/// the window says what letting them go does.
pub(super) fn drops(ui: &Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView) {
    let mut images = Vec::new();
    let (held, mut paths) = ui.ctx().input_mut(|i| {
        let dropped: Vec<PathBuf> = i.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
        let mut pasted = Vec::new();
        i.events.retain(|event| match event {
            Event::Paste(text) => match link::files(text) {
                Some(paths) => {
                    pasted.extend(paths);
                    false
                }
                None => true,
            },
            Event::PasteImage(image) => {
                images.push(Arc::clone(image));
                false
            }
            _ => true,
        });
        (!i.raw.hovered_files.is_empty(), [dropped, pasted].concat())
    });
    paths.retain(|path| !path.as_os_str().is_empty());
    if !paths.is_empty() {
        send(s, paths);
    }
    for image in images {
        match png(&image) {
            Ok(png) => {
                s.send(Command::SendImage(png.into()));
                if !s.state.call.chat_open {
                    State::toggle_chat(s);
                }
            }
            Err(e) => s.state.toast.problem(format!("this picture cannot be sent: {e}"), s.time),
        }
    }
    if held {
        let t = DARK;
        let p = ui.ctx().layer_painter(eframe::egui::LayerId::new(eframe::egui::Order::Foreground, Id::unique("drop")));
        let r = stage.shrink(16.0);
        p.rect(r, corner(18.0), Color32::from_black_alpha(190), Stroke::new(2.0, t.accent), StrokeKind::Inside);
        p.text(r.center() - vec2(0.0, 26.0), CENTER, icons::DOWNLOAD_SIMPLE, icon(40.0), t.accent_text);
        let words = format!("Drop here to send to {}", view.name());
        p.text(r.center() + vec2(0.0, 20.0), Align2::CENTER_CENTER, words, semibold(18.0), t.text);
    }
}

/// A picture as a PNG file.
fn png(image: &ColorImage) -> Result<Vec<u8>, png::EncodingError> {
    let [width, height] = image.size.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fast);
    let rgba: Vec<u8> = image.pixels.iter().flat_map(Color32::to_srgba_unmultiplied).collect();
    encoder.write_header()?.write_image_data(&rgba)?;
    Ok(file)
}

fn send(s: &mut Scene<'_>, paths: Vec<PathBuf>) {
    s.send(Command::SendFiles(paths));
    if !s.state.call.chat_open {
        State::toggle_chat(s);
    }
}

/// The button for files: the desktop's dialog to choose them; where there is none, the strip in which a path is written.
pub(super) fn attach(ui: &mut Ui, s: &mut Scene<'_>, at: Rect) {
    let open = s.state.call.path.is_some();
    let button = Button::new("chat-attach", at, Kind::Ghost).icon(icons::PAPERCLIP).icon_size(19.0).radius(17.0);
    let clicked = button.name("Send a file").pressed(open).tip("Send a file…").show(ui, &DARK).clicked();
    let asks = &mut s.state.call.asks_for_files;
    // It turned out while it was asked for: what was wanted goes on in the strip.
    let refused = s.snap.no_file_dialog && std::mem::take(asks);
    match (clicked, open) {
        (true, true) => s.state.call.path = None,
        _ if refused || clicked && s.snap.no_file_dialog => s.state.call.path = Some(String::new()),
        (true, false) => {
            *asks = true;
            s.send(Command::ChooseFiles);
        }
        (false, _) => {}
    }
}

/// That strip; `f` is the field of the message below it.
pub(super) fn strip(ui: &mut Ui, s: &mut Scene<'_>, f: Rect) {
    let Some(mut path) = s.state.call.path.take() else { return };
    let t = DARK;
    let r = rect(f.left(), f.top() - STRIP, f.width(), STRIP - 8.0);
    ui.painter().rect(r, corner(16.0), t.inset, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let words = "Drop files anywhere here, or write where one is";
    label(ui, pos2(r.left() + 14.0, r.top() + 20.0), LEFT, words, medium(12.5), t.text2, r.width() - 28.0);
    let field = rect(r.left() + 10.0, r.bottom() - 46.0, r.width() - 92.0, 36.0);
    let id = Id::unique(("field", "file-path"));
    let focused = ui.memory(|m| m.has_focus(id));
    let line = if focused { Stroke::new(1.5, t.accent) } else { Stroke::new(1.0, t.line) };
    ui.painter().rect(field, corner(10.0), t.surface2, line, StrokeKind::Inside);
    let enter = focused && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
    let leave = focused && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
    let edit = TextEdit::singleline(&mut path).id(id).frame(eframe::egui::Frame::NONE).margin(0).font(regular(13.0));
    ui.put(field.shrink2(vec2(10.0, 9.0)), edit.desired_width(field.width() - 20.0));
    named(ui, id, "Path of a file or folder");
    let at = rect(field.right() + 8.0, field.top(), 64.0, 36.0);
    let button = Button::new("file-path-send", at, Kind::Primary).label("Send").size(13.0).name("Send this file");
    let clicked = button.enabled(!path.trim().is_empty()).show(ui, &t).clicked();
    if (enter || clicked) && !path.trim().is_empty() {
        let text = path.trim();
        let paths = link::files(text).unwrap_or_else(|| vec![PathBuf::from(text)]);
        return send(s, paths);
    }
    if !leave {
        s.state.call.path = Some(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_picture_is_a_png_file() {
        let image = ColorImage::filled([3, 2], Color32::WHITE);
        let file = png(&image).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgba).unwrap();
        assert_eq!((info.width, info.height, rgba), (3, 2, vec![255; 24]));
    }
}
