//! Where the tiles of a call lie: a pure function of the room there is, how many tiles there are and how they are wanted.
//!
//! Every tile keeps its shape, so nobody's picture is cropped or stretched. In the grid the number of columns is the one
//! that makes the tiles largest; its last row is centred, and so is the whole. On a stage the large ones come first and
//! the others line up beside it, or below where that leaves the large ones more. What does not fit in a readable size comes
//! in pages, with a cell at the end that says how many more there are.
//!
//! Invariants: tiles and cells lie within the area and never over each other; page by page each tile is shown once, the
//! large ones always.

use std::ops::Range;

use eframe::egui::{Rect, Vec2, pos2, vec2};

/// The shape of a tile, width by height.
pub const WIDE: f32 = 16.0 / 9.0;

/// Between two tiles, and between the stage and what is lined up beside it.
const GAP: f32 = 12.0;
const BESIDE: f32 = 16.0;
/// Narrower than this, a name is not to be read any more: pages instead.
const LEAST: f32 = 140.0;
/// How wide a tile beside the stage is: this share of the area, within limits; and how high below it. Where that lets all of
/// them be seen, they are smaller, down to the lower limit.
const STRIP_WIDE: f32 = 1.0 / 6.0;
const STRIP_HIGH: f32 = 1.0 / 5.0;
const STRIP: (f32, f32) = (120.0, 280.0);
/// A line that all but fills its side is spread over all of it, with gaps up to this.
const SPREAD: f32 = 24.0;

/// How the tiles are wanted. The large ones are the first of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// All alike.
    Grid,
    /// Who speaks, large.
    Speaker,
    /// So many shared screens, of this shape.
    Share {
        /// How many, at least one.
        screens: usize,
        /// Width by height of the picture; of several, any.
        aspect: f32,
    },
    /// So many that somebody pinned.
    Pinned(usize),
}

/// What is to be laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// How many tiles there are.
    pub tiles: usize,
    /// The shape of each, width by height.
    pub aspect: f32,
    /// How they are wanted.
    pub mode: Mode,
    /// Kept free at the top of what is large, with the gap below it; points.
    pub head: f32,
    /// Which page of those that do not fit at once; any number.
    pub page: usize,
}

/// One tile's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Which tile.
    pub tile: usize,
    /// Where.
    pub area: Rect,
    /// It is on the stage.
    pub large: bool,
    /// It is one of the line beside or below the stage.
    pub small: bool,
}

/// The cell that stands for those who are not shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct More {
    /// Where.
    pub area: Rect,
    /// How many are not shown.
    pub hidden: usize,
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// The tiles that are shown, in their order.
    pub tiles: Vec<Place>,
    /// What leads to the next page, where there is one.
    pub more: Option<More>,
    /// What was kept free at the top, without the gap.
    pub head: Rect,
}

/// Lays them out.
pub fn arrange(area: Rect, wish: &Wish) -> Places {
    let area = if area.is_positive() && area.is_finite() { area } else { Rect::ZERO };
    let aspect = if wish.aspect.is_finite() && wish.aspect > 0.0 { wish.aspect } else { WIDE };
    let large = match wish.mode {
        Mode::Grid => 0,
        Mode::Speaker => 1,
        Mode::Share { screens: n, .. } | Mode::Pinned(n) => n.max(1),
    };
    let large = large.min(wish.tiles);
    if large == 0 {
        let (head, rest) = split_head(area, wish.head);
        let (tiles, more) = grid_page(rest, wish.tiles, aspect, wish.page);
        return Places { tiles, more, head };
    }
    let shape = match wish.mode {
        Mode::Share { screens: 1, aspect } if aspect.is_finite() && aspect > 0.0 => aspect.clamp(0.2, 5.0),
        _ => aspect,
    };
    let small = wish.tiles - large;
    if small == 0 {
        return on_stage(area, None, large, shape, wish);
    }
    let beside = on_stage(area, Some(Strip::beside(area, aspect, small)), large, shape, wish);
    let below = on_stage(area, Some(Strip::below(area, aspect, small)), large, shape, wish);
    let seen = |places: &Places| places.tiles.first().map_or(0.0, |place| place.area.area());
    if seen(&below) > seen(&beside) + 0.5 { below } else { beside }
}

/// The rectangle on whole points, so that edges are sharp and gaps stay alike.
pub fn crisp(area: Rect) -> Rect {
    Rect::from_min_max(area.min.round(), area.max.round())
}

/// What is kept free at the top of `area`, and what is left.
fn split_head(area: Rect, head: f32) -> (Rect, Rect) {
    let head = head.clamp(0.0, area.height() / 2.0);
    let line = area.top() + head;
    let bottom = (line - GAP).max(area.top());
    (Rect::from_min_max(area.min, pos2(area.right(), bottom)), Rect::from_min_max(pos2(area.left(), line), area.max))
}

/// Between tiles: less where there is hardly room for them.
fn gap(size: Vec2) -> f32 {
    (size.min_elem() / 24.0).clamp(0.0, GAP)
}

/// How wide each of `n` tiles is in so many columns.
fn wide(size: Vec2, n: usize, columns: usize, aspect: f32) -> f32 {
    let (gap, rows) = (gap(size), n.div_ceil(columns));
    let across = (size.x - gap * (columns as f32 - 1.0)) / columns as f32;
    let down = (size.y - gap * (rows as f32 - 1.0)) / rows as f32;
    across.min(down * aspect).max(0.0)
}

/// The number of columns that makes `n` tiles largest, and how wide they are then. Of two that do equally well, the one
/// that leaves less of the last row empty.
fn best(size: Vec2, n: usize, aspect: f32) -> (usize, f32) {
    let empty = |columns: usize| columns * n.div_ceil(columns) - n;
    let mut best = (1, wide(size, n, 1, aspect));
    for columns in 2..=n {
        let w = wide(size, n, columns, aspect);
        if w > best.1 + 0.01 || (w > best.1 - 0.01 && empty(columns) < empty(best.0)) {
            best = (columns, w);
        }
    }
    best
}

/// `n` cells of this shape, row by row.
fn grid(area: Rect, n: usize, aspect: f32) -> Vec<Rect> {
    if n == 0 {
        return Vec::new();
    }
    let (columns, w) = best(area.size(), n, aspect);
    let (gap, cell) = (gap(area.size()), vec2(w, w / aspect));
    let rows = n.div_ceil(columns);
    let high = cell.y * rows as f32 + gap * (rows as f32 - 1.0);
    let top = area.center().y - high / 2.0;
    (0..n)
        .map(|k| {
            let (row, column) = (k / columns, k % columns);
            let across = if row + 1 == rows { n - row * columns } else { columns };
            let long = cell.x * across as f32 + gap * (across as f32 - 1.0);
            let x = area.center().x - long / 2.0 + (cell.x + gap) * column as f32;
            Rect::from_min_size(pos2(x, top + (cell.y + gap) * row as f32), cell)
        })
        .collect()
}

/// Which of `n` are on a page when so many cells fit, the last of which leads to the next page.
fn on_page(n: usize, fit: usize, page: usize) -> Range<usize> {
    let each = fit.saturating_sub(1).max(1);
    let first = page % n.div_ceil(each).max(1) * each;
    first..(first + each).min(n)
}

fn grid_page(area: Rect, n: usize, aspect: f32, page: usize) -> (Vec<Place>, Option<More>) {
    let least = LEAST.min(area.width());
    let fit = (2..=n).rev().find(|k| best(area.size(), *k, aspect).1 >= least).unwrap_or(2.min(n));
    let shown = if fit < n { on_page(n, fit, page) } else { 0..n };
    let hidden = n - shown.len();
    let cells = grid(area, shown.len() + usize::from(hidden > 0), aspect);
    let more = cells.last().filter(|_| hidden > 0).map(|area| More { area: *area, hidden });
    let tiles = shown.zip(cells).map(|(tile, area)| Place { tile, area, large: false, small: false }).collect();
    (tiles, more)
}

/// The line of small tiles.
struct Strip {
    /// The part of the area it lies in, and what is left for the stage.
    line: Rect,
    stage: Rect,
    cell: Vec2,
    down: bool,
}

impl Strip {
    /// Of `n` tiles, at the right, from the top down.
    fn beside(area: Rect, aspect: f32, n: usize) -> Self {
        // Two fit in any case, one of which may lead to more.
        let most = ((area.height() - GAP).max(0.0) / 2.0 * aspect).min(area.width() / 2.0);
        let all = Self::each(area.height(), n) * aspect;
        let w = (area.width() * STRIP_WIDE).clamp(STRIP.0, STRIP.1).min(all.max(STRIP.0)).min(most);
        let left = area.right() - w;
        Self {
            line: Rect::from_min_max(pos2(left, area.top()), area.max),
            stage: Rect::from_min_max(area.min, pos2((left - BESIDE).max(area.left()), area.bottom())),
            cell: vec2(w, w / aspect),
            down: true,
        }
    }

    /// Of `n` tiles, at the bottom, from left to right.
    fn below(area: Rect, aspect: f32, n: usize) -> Self {
        let most = ((area.width() - GAP).max(0.0) / 2.0).min(area.height() / 2.0 * aspect);
        let all = Self::each(area.width(), n);
        let w = (area.height() * STRIP_HIGH * aspect).clamp(STRIP.0, STRIP.1).min(all.max(STRIP.0)).min(most);
        let top = area.bottom() - w / aspect;
        Self {
            line: Rect::from_min_max(pos2(area.left(), top), area.max),
            stage: Rect::from_min_max(area.min, pos2(area.right(), (top - BESIDE).max(area.top()))),
            cell: vec2(w, w / aspect),
            down: false,
        }
    }

    /// The part of so long a line that each of `n` has.
    fn each(long: f32, n: usize) -> f32 {
        ((long - GAP * (n as f32 - 1.0)) / n as f32).max(0.0)
    }

    /// Along the line.
    fn along(&self, size: Vec2) -> f32 {
        if self.down { size.y } else { size.x }
    }

    /// How many cells fit.
    fn fits(&self) -> usize {
        let cell = self.along(self.cell);
        if cell < 1.0 {
            return 2;
        }
        (((self.along(self.line.size()) + GAP + 0.01) / (cell + GAP)) as usize).max(2)
    }

    /// `n` cells in the middle of the line.
    fn cells(&self, n: usize) -> Vec<Rect> {
        let (cell, long) = (self.along(self.cell), self.along(self.line.size()));
        let between = (n as f32 - 1.0).max(1.0);
        let all = (long - cell * n as f32) / between;
        let gap = if n > 1 && (all <= SPREAD) { all.max(0.0) } else { GAP };
        let used = cell * n as f32 + gap * (n as f32 - 1.0);
        let from = (long - used).max(0.0) / 2.0;
        (0..n)
            .map(|k| {
                let at = from + (cell + gap) * k as f32;
                let by = if self.down { vec2(0.0, at) } else { vec2(at, 0.0) };
                Rect::from_min_size(self.line.min + by, self.cell)
            })
            .collect()
    }
}

fn on_stage(area: Rect, strip: Option<Strip>, large: usize, shape: f32, wish: &Wish) -> Places {
    let (head, stage) = split_head(strip.as_ref().map_or(area, |strip| strip.stage), wish.head);
    let on_stage = grid(stage, large, shape).into_iter().enumerate();
    let mut tiles: Vec<_> = on_stage.map(|(tile, area)| Place { tile, area, large: true, small: false }).collect();
    let mut more = None;
    if let Some(mut strip) = strip {
        if !strip.down {
            // As near to the stage as beside it, so that both are one block in the middle.
            let bottom = tiles.iter().map(|place| place.area.bottom()).fold(head.bottom(), f32::max);
            strip.line = strip.line.translate(vec2(0.0, bottom.min(stage.bottom()) - stage.bottom()));
        }
        let (n, fit) = (wish.tiles - large, strip.fits());
        let shown = if fit < n { on_page(n, fit, wish.page) } else { 0..n };
        let hidden = n - shown.len();
        let cells = strip.cells(shown.len() + usize::from(hidden > 0));
        more = cells.last().filter(|_| hidden > 0).map(|area| More { area: *area, hidden });
        let small = |(tile, area): (usize, Rect)| Place { tile: large + tile, area, large: false, small: true };
        tiles.extend(shown.zip(cells).map(small));
    }
    Places { tiles, more, head }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Between the strip at the top and the bar of a window of 1280 × 800.
    const USUAL: Rect = Rect { min: pos2(16.0, 68.0), max: pos2(1264.0, 704.0) };

    fn wish(tiles: usize, mode: Mode) -> Wish {
        Wish { tiles, aspect: WIDE, mode, head: 0.0, page: 0 }
    }

    fn areas(places: &Places) -> Vec<Rect> {
        places.tiles.iter().map(|place| place.area).collect()
    }

    fn near(a: Rect, x: f32, y: f32, w: f32, h: f32) -> bool {
        let b = Rect::from_min_size(pos2(x, y), vec2(w, h));
        (a.min - b.min).length() < 0.01 && (a.max - b.max).length() < 0.01
    }

    #[test]
    fn five_lie_as_they_are_drawn() {
        let at = areas(&arrange(USUAL, &wish(5, Mode::Grid)));
        for (n, x) in [(0, 16.0), (1, 436.0), (2, 856.0)] {
            assert!(near(at[n], x, 150.5, 408.0, 229.5), "{:?}", at[n]);
        }
        for (n, x) in [(3, 226.0), (4, 646.0)] {
            assert!(near(at[n], x, 392.0, 408.0, 229.5), "{:?}", at[n]);
        }
    }

    #[test]
    fn a_shared_screen_lies_as_it_is_drawn() {
        let mode = Mode::Share { screens: 1, aspect: 1920.0 / 1080.0 };
        let places = arrange(USUAL, &Wish { head: 60.0, ..wish(6, mode) });
        assert!(near(places.head, 16.0, 68.0, 1024.0, 48.0), "{:?}", places.head);
        let at = areas(&places);
        assert!(near(at[0], 16.0, 128.0, 1024.0, 576.0), "{:?}", at[0]);
        for (n, area) in at[1..].iter().enumerate() {
            assert!(near(*area, 1056.0, 68.0 + 129.75 * n as f32, 208.0, 117.0), "{area:?}");
        }
        assert_eq!(places.more, None);
    }

    #[test]
    fn who_does_not_fit_is_counted_and_comes_on_the_next_page() {
        let twenty = |page| {
            arrange(Rect::from_min_size(pos2(0.0, 0.0), vec2(608.0, 316.0)), &Wish { page, ..wish(20, Mode::Grid) })
        };
        let first = twenty(0);
        let more = first.more.unwrap();
        assert_eq!((first.tiles.len() + more.hidden, first.tiles[0].tile), (20, 0));
        assert_eq!(twenty(1).tiles[0].tile, first.tiles.len());
        let pages = 20_usize.div_ceil(first.tiles.len());
        assert_eq!(twenty(pages), first, "after the last page comes the first");
    }

    #[test]
    fn a_narrow_window_has_the_line_below_the_stage() {
        let narrow = Rect::from_min_size(pos2(16.0, 68.0), vec2(608.0, 632.0));
        let places = arrange(narrow, &wish(4, Mode::Speaker));
        let (stage, line) = (places.tiles[0].area, places.tiles[1].area);
        assert!((line.top() - stage.bottom() - BESIDE).abs() < 0.01, "{stage:?}, {line:?}");
        let middle = (stage.top() + line.bottom()) / 2.0;
        assert!((middle - narrow.center().y).abs() < 0.01 && places.more.is_none(), "{stage:?}, {line:?}");
        let places = arrange(USUAL, &wish(4, Mode::Speaker));
        assert!(near(places.tiles[0].area, 16.0, 98.0, 1024.0, 576.0), "{:?}", places.tiles[0]);
        assert!(places.tiles[1].area.left() > places.tiles[0].area.right());
    }

    #[test]
    fn an_area_of_nothing_is_no_trouble() {
        for mode in [Mode::Grid, Mode::Speaker, Mode::Pinned(3), Mode::Share { screens: 1, aspect: f32::NAN }] {
            let at = arrange(Rect::NOTHING, &Wish { aspect: 0.0, head: 90.0, page: 7, ..wish(9, mode) });
            assert!(at.tiles.iter().all(|place| !place.area.any_nan()), "{at:?}");
        }
        assert_eq!(arrange(USUAL, &wish(0, Mode::Speaker)).tiles, []);
    }

    fn modes() -> impl Strategy<Value = Mode> {
        prop_oneof![
            Just(Mode::Grid),
            Just(Mode::Speaker),
            (1_usize..3, 0.4_f32..3.0).prop_map(|(screens, aspect)| Mode::Share { screens, aspect }),
            (0_usize..5).prop_map(Mode::Pinned),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn tiles_are_whole_apart_and_in_shape(
            (w, h) in (60.0_f32..4000.0, 40.0_f32..2400.0),
            tiles in 0_usize..30,
            aspect in prop_oneof![Just(WIDE), Just(4.0 / 3.0), Just(9.0 / 16.0)],
            mode in modes(),
            head in prop_oneof![Just(0.0_f32), Just(60.0)],
            page in 0_usize..9,
        ) {
            let area = Rect::from_min_size(pos2(16.0, 68.0), vec2(w, h));
            let places = arrange(area, &Wish { tiles, aspect, mode, head, page });
            let mut all = areas(&places);
            all.extend(places.more.map(|more| more.area));
            if head > 0.0 && places.head.height() > 0.0 {
                all.push(places.head);
            }
            for (n, one) in all.iter().enumerate() {
                prop_assert!(area.expand(0.05).contains_rect(*one), "{one:?} is outside of {area:?}");
                for other in &all[n + 1..] {
                    let over = one.intersect(*other);
                    prop_assert!(over.width() < 0.05 || over.height() < 0.05, "{one:?} over {other:?}");
                }
            }
            for place in &places.tiles {
                let screen = matches!(mode, Mode::Share { screens: 1, .. }) && place.large;
                let want = match mode { Mode::Share { aspect, .. } if screen => aspect, _ => aspect };
                let size = place.area.size();
                prop_assert!((size.x - size.y * want).abs() < 0.05 + size.x * 0.001, "{place:?} in {area:?}");
                prop_assert!(size.x > 1.0 && size.y > 1.0, "{place:?} in {area:?}");
            }
            prop_assert_eq!(places.tiles.len() + places.more.map_or(0, |more| more.hidden), tiles);
        }

        #[test]
        fn page_by_page_everybody_is_shown_once((w, h) in (300.0_f32..2000.0, 200.0_f32..1200.0), tiles in 1_usize..30, mode in modes()) {
            let area = Rect::from_min_size(pos2(0.0, 0.0), vec2(w, h));
            let mut seen = vec![0; tiles];
            let mut page = 0;
            loop {
                let places = arrange(area, &Wish { page, ..wish(tiles, mode) });
                let numbers: Vec<_> = places.tiles.iter().map(|place| place.tile).collect();
                prop_assert!(numbers.is_sorted());
                let next = arrange(area, &Wish { page: page + 1, ..wish(tiles, mode) });
                for place in &places.tiles {
                    if !place.large || page == 0 {
                        seen[place.tile] += 1;
                    }
                }
                page += 1;
                if next == arrange(area, &wish(tiles, mode)) {
                    break;
                }
                prop_assert!(page < 40);
            }
            prop_assert!(seen.iter().all(|times| *times == 1), "{seen:?} in {page} pages");
        }

        #[test]
        fn no_other_number_of_columns_uses_the_area_better(
            (w, h) in (300.0_f32..4000.0, 200.0_f32..2400.0),
            tiles in 1_usize..13,
        ) {
            let area = Rect::from_min_size(pos2(0.0, 0.0), vec2(w, h));
            let places = arrange(area, &wish(tiles, Mode::Grid));
            prop_assume!(places.more.is_none());
            let used = places.tiles[0].area.width();
            for columns in 1..=tiles {
                // What one would reckon by hand.
                let (rows, between) = (tiles.div_ceil(columns), (w.min(h) / 24.0).min(12.0));
                let across = (w - between * (columns - 1) as f32) / columns as f32;
                let down = (h - between * (rows - 1) as f32) / rows as f32 * WIDE;
                prop_assert!(across.min(down) <= used + 0.02, "{columns} columns: {} > {used}", across.min(down));
            }
            let mut rows: Vec<Vec<Rect>> = Vec::new();
            for place in places.tiles {
                match rows.last_mut() {
                    Some(row) if (row[0].top() - place.area.top()).abs() < 0.5 => row.push(place.area),
                    _ => rows.push(vec![place.area]),
                }
            }
            for row in &rows {
                let (from, to) = (row[0].left(), row[row.len() - 1].right());
                prop_assert!(((from + to) / 2.0 - area.center().x).abs() < 0.05, "a row is not centred: {row:?}");
                prop_assert!(row.len() == rows[0].len() || std::ptr::eq(row, &rows[rows.len() - 1]));
            }
            let (top, bottom) = (rows[0][0].top(), rows[rows.len() - 1][0].bottom());
            prop_assert!(((top + bottom) / 2.0 - area.center().y).abs() < 0.05);
        }
    }
}
