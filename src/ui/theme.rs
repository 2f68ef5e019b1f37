//! Colours, type and fonts: the one home of every token. Contrast of small text was measured at 4.5 or more (WCAG).
#![allow(clippy::disallowed_methods, reason = "colours are made here and nowhere else")]

use std::sync::Arc;

use eframe::egui::epaint::text::VariationCoords;
use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle, ThemePreference,
    Visuals, vec2,
};

use crate::model::settings::Theme;

/// An opaque colour from `0xRRGGBB`.
pub const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names are the design's tokens and say what they colour")]
pub struct Tokens {
    pub dark: bool,
    pub bg: Color32,
    pub surface: Color32,
    pub surface2: Color32,
    pub surface3: Color32,
    /// A card within a panel.
    pub inset: Color32,
    /// The side of the settings.
    pub side: Color32,
    pub line: Color32,
    /// Outline of fields and secondary buttons.
    pub edge: Color32,
    pub text: Color32,
    pub text2: Color32,
    pub text3: Color32,
    pub accent: Color32,
    /// Accent under white text.
    pub fill: Color32,
    pub fill_hover: Color32,
    pub accent_soft: Color32,
    /// Accent as text or icon.
    pub accent_text: Color32,
    pub danger: Color32,
    pub danger_fill: Color32,
    pub danger_hover: Color32,
    pub danger_soft: Color32,
    pub danger_ink: Color32,
    /// Accept and Join only.
    pub ok: Color32,
    pub ok_hover: Color32,
    pub on_ok: Color32,
    pub amber: Color32,
    pub amber_soft: Color32,
    pub shadow: Color32,
    pub switch_off: Color32,
    pub meter_off: Color32,
}

/// The dark theme, also that of every call.
pub const DARK: Tokens = Tokens {
    dark: true,
    bg: rgb(0x0D0F14),
    surface: rgb(0x151820),
    surface2: rgb(0x1F232D),
    surface3: rgb(0x2A2F3B),
    inset: rgb(0x191D26),
    side: rgb(0x11141B),
    line: rgb(0x262B36),
    edge: rgb(0x2A2F3B),
    text: rgb(0xECEEF3),
    text2: rgb(0xA3AAB9),
    text3: rgb(0x868EA0),
    accent: rgb(0x5B6CF9),
    fill: rgb(0x5162F2),
    fill_hover: rgb(0x4455E4),
    accent_soft: rgb(0x232A4D),
    accent_text: rgb(0x9DA8FF),
    danger: rgb(0xE5484D),
    danger_fill: rgb(0xD6393F),
    danger_hover: rgb(0xC42E34),
    danger_soft: rgb(0x3A1C21),
    danger_ink: rgb(0xFF9A9D),
    ok: rgb(0x30C48D),
    ok_hover: rgb(0x46D6A0),
    on_ok: rgb(0x04231A),
    amber: rgb(0xF2B44B),
    amber_soft: rgb(0x35290F),
    shadow: Color32::from_black_alpha(120),
    switch_off: rgb(0x4A5163),
    meter_off: rgb(0x2A2F3B),
};

/// The light theme.
pub const LIGHT: Tokens = Tokens {
    dark: false,
    bg: rgb(0xF1F3F7),
    surface: rgb(0xFFFFFF),
    surface2: rgb(0xEEF0F5),
    surface3: rgb(0xE2E6EE),
    inset: rgb(0xFFFFFF),
    side: rgb(0xF7F8FB),
    line: rgb(0xE3E6ED),
    edge: rgb(0xD5DAE4),
    text: rgb(0x161922),
    text2: rgb(0x535B6C),
    text3: rgb(0x626B80),
    accent: rgb(0x4858E8),
    fill: rgb(0x4858E8),
    fill_hover: rgb(0x3A4AD8),
    accent_soft: rgb(0xE6E9FF),
    accent_text: rgb(0x3A49D6),
    danger: rgb(0xD93D42),
    danger_fill: rgb(0xD02F35),
    danger_hover: rgb(0xBC252B),
    danger_soft: rgb(0xFDE7E8),
    danger_ink: rgb(0xB4252B),
    ok: rgb(0x0F8058),
    ok_hover: rgb(0x0B6B49),
    on_ok: rgb(0xFFFFFF),
    amber: rgb(0x9A5B00),
    amber_soft: rgb(0xFFF1D6),
    shadow: Color32::from_rgba_premultiplied(4, 5, 9, 34),
    switch_off: rgb(0xA9B1C1),
    meter_off: rgb(0xDDE1EA),
};

/// What lies on video: the dark ground at 66 %.
pub const GLASS: Color32 = Color32::from_rgba_premultiplied(9, 10, 13, 168);

/// What lies on video and carries words of its own.
pub const GLASS_DENSE: Color32 = Color32::from_rgba_premultiplied(10, 12, 16, 205);

/// Shade over a light place while a panel is open.
pub const LIGHT_SHADE: Color32 = Color32::from_rgba_premultiplied(9, 11, 17, 110);

/// Corner radii are whole points.
pub fn corner(radius: f32) -> CornerRadius {
    CornerRadius::same(radius as u8)
}

/// Body text.
pub fn regular(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Text of some weight.
pub fn medium(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("medium".into()))
}

/// Headings and buttons.
pub fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("semibold".into()))
}

/// IDs: letters of one width.
pub fn mono(size: f32) -> FontId {
    FontId::monospace(size)
}

/// Icons in outline.
pub fn icon(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("icon".into()))
}

/// Icons filled.
pub fn icon_fill(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("icon-fill".into()))
}

/// The theme a setting asks for.
pub fn preference(theme: Theme) -> ThemePreference {
    match theme {
        Theme::System => ThemePreference::System,
        Theme::Dark => ThemePreference::Dark,
        Theme::Light => ThemePreference::Light,
    }
}

/// The tokens in force here.
pub fn tokens(ctx: &Context) -> Tokens {
    if ctx.theme() == eframe::egui::Theme::Dark { DARK } else { LIGHT }
}

/// Installs fonts and both themes. Once, at the start.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (theme, t) in [(eframe::egui::Theme::Dark, DARK), (eframe::egui::Theme::Light, LIGHT)] {
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals(&t);
            style.text_styles = [
                (TextStyle::Small, regular(12.5)),
                (TextStyle::Body, regular(14.0)),
                (TextStyle::Button, semibold(13.5)),
                (TextStyle::Heading, semibold(18.0)),
                (TextStyle::Monospace, mono(13.0)),
            ]
            .into();
            style.interaction.tooltip_delay = 0.4;
            style.interaction.selectable_labels = false;
            style.spacing.item_spacing = vec2(8.0, 8.0);
            style.animation_time = 0.12;
        });
    }
}

fn visuals(t: &Tokens) -> Visuals {
    let mut v = if t.dark { Visuals::dark() } else { Visuals::light() };
    v.override_text_color = Some(t.text);
    v.panel_fill = t.bg;
    v.window_fill = t.surface;
    v.window_stroke = Stroke::new(1.0, t.surface3);
    v.window_corner_radius = corner(14.0);
    v.menu_corner_radius = corner(14.0);
    v.extreme_bg_color = t.surface2;
    v.hyperlink_color = t.accent_text;
    v.selection.bg_fill = if t.dark { rgb(0x3A46A8) } else { rgb(0xC5CCFF) };
    v.selection.stroke = Stroke::new(1.0, t.text);
    v.text_cursor.stroke = Stroke::new(1.5, t.accent);
    v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, t.line);
    v
}

fn fonts() -> FontDefinitions {
    static INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-roman.var.ttf");
    static EMOJI: &[u8] = include_bytes!("../../assets/fonts/NotoColorEmoji-subset.ttf");
    static EMOJI_PLAIN: &[u8] = include_bytes!("../../assets/fonts/NotoEmoji-Regular.ttf");
    let mut f = FontDefinitions::default();
    for (name, weight) in [("inter-regular", 430.0), ("inter-medium", 540.0), ("inter-semibold", 640.0)] {
        let mut data = FontData::from_static(INTER);
        data.tweak.coords = VariationCoords::new([(b"wght", weight)]);
        f.font_data.insert(name.into(), Arc::new(data));
    }
    f.font_data.insert("emoji".into(), Arc::new(FontData::from_static(EMOJI)));
    f.font_data.insert("emoji-plain".into(), Arc::new(FontData::from_static(EMOJI_PLAIN)));
    let phosphor: [(&str, &'static [u8]); 2] = [
        ("icon", include_bytes!("../../assets/fonts/Phosphor.ttf")),
        ("icon-fill", include_bytes!("../../assets/fonts/Phosphor-Fill.ttf")),
    ];
    for (name, bytes) in phosphor {
        f.font_data.insert(name.into(), Arc::new(FontData::from_static(bytes)));
        f.families.insert(FontFamily::Name(name.into()), vec![name.into()]);
    }
    let fallback = f.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    // The emoji subset holds no ASCII, so it can come first and still leave digits to Inter. What it lacks comes in
    // one colour, after the letters.
    let stack = |first: &str| {
        let mut all = vec!["emoji".to_owned(), first.to_owned(), "emoji-plain".to_owned()];
        all.extend(fallback.iter().cloned());
        all
    };
    f.families.insert(FontFamily::Proportional, stack("inter-regular"));
    f.families.insert(FontFamily::Name("medium".into()), stack("inter-medium"));
    f.families.insert(FontFamily::Name("semibold".into()), stack("inter-semibold"));
    f
}
