//! The way without OpenGL: the picture as an RGBA texture.

use std::collections::HashMap;

use eframe::egui::{Color32, ColorImage, Context, Rect, Shape, TextureHandle, TextureOptions, epaint::RectShape, pos2};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgba};

use super::Look;
use crate::model::frame::{ColourMatrix, ColourRange, VideoFrame};
use crate::model::snapshot::PlayerKey;

#[derive(Default)]
pub(super) struct Textures(HashMap<PlayerKey, (TextureHandle, u64)>);

impl Textures {
    pub(super) fn retain(&mut self, keep: impl Fn(&PlayerKey) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    #[allow(clippy::too_many_arguments, reason = "mirrors the OpenGL way")]
    pub(super) fn shape(
        &mut self,
        ctx: &Context,
        key: PlayerKey,
        sequence: u64,
        frame: &VideoFrame,
        area: Rect,
        cover: Rect,
        look: Look,
    ) -> Shape {
        let size = [frame.width() as usize, frame.height() as usize];
        let fresh = self.0.get(&key).is_some_and(|(texture, seen)| *seen == sequence && texture.size() == size);
        if !fresh {
            let image = rgba(frame);
            match self.0.get_mut(&key) {
                Some((texture, seen)) if texture.size() == size => {
                    texture.set_partial([0, 0], image, TextureOptions::LINEAR);
                    *seen = sequence;
                }
                _ => {
                    let texture = ctx.load_texture(format!("{key:?}"), image, TextureOptions::LINEAR);
                    self.0.insert(key, (texture, sequence));
                }
            }
        }
        let Some((texture, _)) = self.0.get(&key) else { return Shape::Noop };
        let uv = if look.mirror {
            Rect::from_min_max(pos2(cover.right(), cover.top()), pos2(cover.left(), cover.bottom()))
        } else {
            cover
        };
        let tint = Color32::from_gray((look.tint * 255.0) as u8);
        RectShape::filled(area, super::super::theme::corner(look.radius), tint).with_texture(texture.id(), uv).into()
    }
}

fn rgba(frame: &VideoFrame) -> ColorImage {
    let (w, h) = (frame.width(), frame.height());
    let mut pixels = vec![0; w as usize * h as usize * 4];
    let image = YuvPlanarImage {
        y_plane: frame.y(),
        y_stride: w,
        u_plane: frame.u(),
        u_stride: w / 2,
        v_plane: frame.v(),
        v_stride: w / 2,
        width: w,
        height: h,
    };
    let range = match frame.range {
        ColourRange::Limited => YuvRange::Limited,
        ColourRange::Full => YuvRange::Full,
    };
    let matrix = match frame.matrix {
        ColourMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColourMatrix::Bt709 => YuvStandardMatrix::Bt709,
    };
    // The planes have exactly their size, so this cannot fail; were it to, the picture would be black.
    if let Err(e) = yuv420_to_rgba(&image, &mut pixels, w * 4, range, matrix) {
        tracing::error!("a picture could not be converted: {e}");
    }
    ColorImage::from_rgba_premultiplied([w as usize, h as usize], &pixels)
}
