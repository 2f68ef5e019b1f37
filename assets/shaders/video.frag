// Three planes to RGB, with rounded corners: callbacks are not clipped to corners.
in vec2 v_at;
out vec4 colour;
uniform sampler2D u_y;
uniform sampler2D u_u;
uniform sampler2D u_v;
uniform vec4 u_uv;      // left, top, width, height within the picture, 0…1; negative width: mirrored
uniform vec2 u_size;    // of the rectangle, pixels
uniform float u_radius; // pixels
uniform vec2 u_scale;   // luma and chroma, from the range of the samples
uniform float u_black;
uniform vec4 u_matrix;  // R from V, G from U, G from V, B from U
uniform float u_tint;
void main() {
    vec2 at = u_uv.xy + v_at * u_uv.zw;
    float y = (texture(u_y, at).r - u_black) * u_scale.x;
    float u = (texture(u_u, at).r - 128.0 / 255.0) * u_scale.y;
    float v = (texture(u_v, at).r - 128.0 / 255.0) * u_scale.y;
    vec3 rgb = vec3(y + u_matrix.x * v, y - u_matrix.y * u - u_matrix.z * v, y + u_matrix.w * u);
    vec2 edge = abs((v_at - 0.5) * u_size) - u_size * 0.5 + u_radius;
    float away = length(max(edge, 0.0)) + min(max(edge.x, edge.y), 0.0) - u_radius;
    float cover = clamp(0.5 - away, 0.0, 1.0);
    if (u_radius < 0.5) cover = 1.0;
    colour = vec4(clamp(rgb, 0.0, 1.0) * u_tint * cover, cover); // premultiplied, as egui blends
}
