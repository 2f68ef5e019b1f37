//! The way with OpenGL 3 or ES 3: three R8 textures a picture and one shader, drawn where egui calls back.
//!
//! All OpenGL of the program is here. Textures live in [`Store`], which only the thread that paints touches.
#![allow(unsafe_code, reason = "every OpenGL call is unsafe: the driver trusts its caller about sizes and names")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{PaintCallback, Rect, Shape, vec2};
use eframe::egui_glow::{CallbackFn, ShaderVersion};
use eframe::glow::{self, HasContext as _};

use super::Look;
use crate::model::frame::{ColourMatrix, ColourRange, VideoFrame};
use crate::model::snapshot::PlayerKey;

/// Whether this context can do it: R8 textures and `gl_VertexID` need OpenGL 3 or ES 3.
pub(super) fn fits(gl: &glow::Context) -> bool {
    ShaderVersion::get(gl).is_new_shader_interface()
}

#[derive(Default, Clone)]
pub(super) struct Screen(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    program: Option<Program>,
    failed: bool,
    planes: HashMap<PlayerKey, Planes>,
}

struct Program {
    program: glow::Program,
    vertices: glow::VertexArray,
}

struct Planes {
    textures: [glow::Texture; 3],
    size: (u32, u32),
    sequence: u64,
}

impl Screen {
    /// The picture as a shape. Painting uploads it if `sequence` is new.
    pub(super) fn shape(
        &self,
        key: PlayerKey,
        sequence: u64,
        frame: Arc<VideoFrame>,
        area: Rect,
        cover: Rect,
        look: Look,
    ) -> Shape {
        let store = Arc::clone(&self.0);
        let callback = CallbackFn::new(move |info, painter| {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            let size = vec2(info.viewport_in_pixels().width_px as f32, info.viewport_in_pixels().height_px as f32);
            store.draw(painter.gl(), key, sequence, &frame, cover, look, size, look.radius * info.pixels_per_point);
        });
        PaintCallback { rect: area, callback: Arc::new(callback) }.into()
    }

    /// A shape that, painted, frees the textures not to be kept; `None` where there are none.
    pub(super) fn purge(&self, keep: impl Fn(&PlayerKey) -> bool) -> Option<Shape> {
        let stale: Vec<PlayerKey> = {
            let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            store.planes.keys().filter(|key| !keep(key)).copied().collect()
        };
        if stale.is_empty() {
            return None;
        }
        let store = Arc::clone(&self.0);
        let callback = CallbackFn::new(move |_, painter| {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            for key in &stale {
                store.free(painter.gl(), key);
            }
        });
        // Callbacks outside of the clip rectangle are not called: one point at the origin is inside of it.
        let rect = Rect::from_min_size(eframe::egui::Pos2::ZERO, vec2(1.0, 1.0));
        Some(PaintCallback { rect, callback: Arc::new(callback) }.into())
    }

    pub(super) fn close(&self, gl: &glow::Context) {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<PlayerKey> = store.planes.keys().copied().collect();
        for key in keys {
            store.free(gl, &key);
        }
        if let Some(program) = store.program.take() {
            // SAFETY: both names were made by this context and are used no more.
            unsafe {
                gl.delete_program(program.program);
                gl.delete_vertex_array(program.vertices);
            }
        }
    }
}

impl Store {
    fn free(&mut self, gl: &glow::Context, key: &PlayerKey) {
        if let Some(planes) = self.planes.remove(key) {
            for texture in planes.textures {
                // SAFETY: the name was made by this context and is used no more.
                unsafe { gl.delete_texture(texture) };
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what the shader needs")]
    fn draw(
        &mut self,
        gl: &glow::Context,
        key: PlayerKey,
        sequence: u64,
        frame: &VideoFrame,
        cover: Rect,
        look: Look,
        size: eframe::egui::Vec2,
        radius: f32,
    ) {
        if self.failed {
            return;
        }
        if self.program.is_none() {
            match Program::new(gl) {
                Ok(program) => self.program = Some(program),
                Err(reason) => {
                    tracing::error!("pictures cannot be shown: {reason}");
                    self.failed = true;
                    return;
                }
            }
        }
        let frame_size = (frame.width(), frame.height());
        if self.planes.get(&key).is_some_and(|planes| planes.size != frame_size) {
            self.free(gl, &key);
        }
        if let std::collections::hash_map::Entry::Vacant(place) = self.planes.entry(key) {
            match Planes::new(gl, frame) {
                Ok(planes) => drop(place.insert(planes)),
                Err(reason) => {
                    tracing::error!("no texture for a picture: {reason}");
                    self.failed = true;
                    return;
                }
            }
        }
        let (Some(program), Some(planes)) = (&self.program, self.planes.get_mut(&key)) else { return };
        if planes.sequence != sequence {
            planes.upload(gl, frame);
            planes.sequence = sequence;
        }
        program.draw(gl, planes, frame, cover, look, size, radius);
    }
}

/// Width and height of a plane: luma, then chroma.
fn plane_size(frame: &VideoFrame, plane: usize) -> (i32, i32) {
    let halve = u32::from(plane > 0);
    ((frame.width() >> halve) as i32, (frame.height() >> halve) as i32)
}

fn plane(frame: &VideoFrame, plane: usize) -> &[u8] {
    match plane {
        0 => frame.y(),
        1 => frame.u(),
        _ => frame.v(),
    }
}

impl Planes {
    fn new(gl: &glow::Context, frame: &VideoFrame) -> Result<Self, String> {
        let make = |n: usize| -> Result<glow::Texture, String> {
            // SAFETY: the storage made here has exactly the size that `upload` fills.
            unsafe {
                let texture = gl.create_texture()?;
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
                for (name, value) in [
                    (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
                    (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
                    (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
                    (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
                ] {
                    gl.tex_parameter_i32(glow::TEXTURE_2D, name, value as i32);
                }
                let (w, h) = plane_size(frame, n);
                gl.tex_image_2d(
                    glow::TEXTURE_2D,
                    0,
                    glow::R8 as i32,
                    w,
                    h,
                    0,
                    glow::RED,
                    glow::UNSIGNED_BYTE,
                    glow::PixelUnpackData::Slice(None),
                );
                Ok(texture)
            }
        };
        Ok(Self { textures: [make(0)?, make(1)?, make(2)?], size: (frame.width(), frame.height()), sequence: 0 })
    }

    fn upload(&self, gl: &glow::Context, frame: &VideoFrame) {
        for (n, texture) in self.textures.iter().enumerate() {
            let (w, h) = plane_size(frame, n);
            // SAFETY: a `VideoFrame`'s planes have exactly w × h bytes, rows are read without padding (alignment 1).
            unsafe {
                gl.bind_texture(glow::TEXTURE_2D, Some(*texture));
                gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
                gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, 0);
                gl.tex_sub_image_2d(
                    glow::TEXTURE_2D,
                    0,
                    0,
                    0,
                    w,
                    h,
                    glow::RED,
                    glow::UNSIGNED_BYTE,
                    glow::PixelUnpackData::Slice(Some(plane(frame, n))),
                );
            }
        }
    }
}

impl Program {
    fn new(gl: &glow::Context) -> Result<Self, String> {
        let version = match ShaderVersion::get(gl) {
            ShaderVersion::Es300 => "#version 300 es\nprecision highp float;\n",
            _ => "#version 140\n",
        };
        let sources = [
            (glow::VERTEX_SHADER, include_str!("../../../assets/shaders/video.vert")),
            (glow::FRAGMENT_SHADER, include_str!("../../../assets/shaders/video.frag")),
        ];
        // SAFETY: plain creation of names; errors are asked for and reported.
        unsafe {
            let program = gl.create_program()?;
            let mut shaders = Vec::new();
            for (kind, source) in sources {
                let shader = gl.create_shader(kind)?;
                gl.shader_source(shader, &format!("{version}{source}"));
                gl.compile_shader(shader);
                if !gl.get_shader_compile_status(shader) {
                    return Err(gl.get_shader_info_log(shader));
                }
                gl.attach_shader(program, shader);
                shaders.push(shader);
            }
            gl.link_program(program);
            if !gl.get_program_link_status(program) {
                return Err(gl.get_program_info_log(program));
            }
            for shader in shaders {
                gl.detach_shader(program, shader);
                gl.delete_shader(shader);
            }
            Ok(Self { program, vertices: gl.create_vertex_array()? })
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what the shader needs")]
    fn draw(
        &self,
        gl: &glow::Context,
        planes: &Planes,
        frame: &VideoFrame,
        cover: Rect,
        look: Look,
        size: eframe::egui::Vec2,
        radius: f32,
    ) {
        let (kr, kb) = match frame.matrix {
            ColourMatrix::Bt601 => (0.299, 0.114),
            ColourMatrix::Bt709 => (0.2126, 0.0722),
        };
        let kg = 1.0 - kr - kb;
        let (r_v, b_u): (f32, f32) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
        let (g_u, g_v) = (b_u * kb / kg, r_v * kr / kg);
        let (black, luma, chroma) = match frame.range {
            ColourRange::Limited => (16.0 / 255.0, 255.0 / 219.0, 255.0 / 224.0),
            ColourRange::Full => (0.0, 1.0, 1.0),
        };
        let (left, wide) = if look.mirror { (cover.right(), -cover.width()) } else { (cover.left(), cover.width()) };
        // SAFETY: program, vertex array and textures were made by this context and live in `self` and `planes`; egui has
        // set viewport, scissor and blending, and restores its own state afterwards.
        unsafe {
            gl.use_program(Some(self.program));
            gl.bind_vertex_array(Some(self.vertices));
            for (n, name) in ["u_y", "u_u", "u_v"].into_iter().enumerate() {
                gl.active_texture(glow::TEXTURE0 + n as u32);
                gl.bind_texture(glow::TEXTURE_2D, Some(planes.textures[n]));
                gl.uniform_1_i32(self.at(gl, name).as_ref(), n as i32);
            }
            gl.uniform_4_f32(self.at(gl, "u_uv").as_ref(), left, cover.top(), wide, cover.height());
            gl.uniform_2_f32(self.at(gl, "u_size").as_ref(), size.x, size.y);
            gl.uniform_1_f32(self.at(gl, "u_radius").as_ref(), radius);
            gl.uniform_2_f32(self.at(gl, "u_scale").as_ref(), luma, chroma);
            gl.uniform_1_f32(self.at(gl, "u_black").as_ref(), black);
            gl.uniform_4_f32(self.at(gl, "u_matrix").as_ref(), r_v, g_u, g_v, b_u);
            gl.uniform_1_f32(self.at(gl, "u_tint").as_ref(), look.tint);
            gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            for n in (0..3).rev() {
                gl.active_texture(glow::TEXTURE0 + n);
                gl.bind_texture(glow::TEXTURE_2D, None);
            }
            gl.bind_vertex_array(None);
        }
    }

    fn at(&self, gl: &glow::Context, name: &str) -> Option<glow::UniformLocation> {
        // SAFETY: the program was linked.
        unsafe { gl.get_uniform_location(self.program, name) }
    }
}
