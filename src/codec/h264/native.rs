//! OpenH264's encoder by its C interface, for the settings that the safe one does not hand through.
//!
//! All unsafe code of the encoder is here. Invariants: the encoder is initialised as long as it exists, and is made for
//! one size. Errors are the library's own codes.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::null_mut;

use openh264::OpenH264API;
use openh264_sys2::{
    API, CAMERA_VIDEO_REAL_TIME, CONSTANT_ID, DEBLOCKING_IDC_0, ENCODER_LTR_MARKING_FEEDBACK,
    ENCODER_LTR_RECOVERY_REQUEST, ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE,
    ENCODER_OPTION_RC_MODE, ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, ENCODER_OPTION_TRACE_LEVEL, ISVCEncoder,
    ISVCEncoderVtbl, LOW_COMPLEXITY, LTR_MARKING_FAILED, LTR_MARKING_SUCCESS, LTR_RECOVERY_REQUEST, PRO_BASELINE,
    RC_BITRATE_MODE, RC_OFF_MODE, SBitrateInfo, SEncParamExt, SFrameBSInfo, SLTRMarkingFeedback, SLTRRecoverRequest,
    SM_SINGLE_SLICE, SPATIAL_LAYER_0, SPATIAL_LAYER_ALL, SSourcePicture, WELS_LOG_QUIET, videoFormatI420,
    videoFrameTypeIDR, videoFrameTypeInvalid, videoFrameTypeSkip,
};

/// Bits of a keyframe, in hundredths of an average picture's. The library's 400 is a seventh of a second of the bitrate,
/// and so long a picture stands still on a path that carries no more. With 300 a keyframe takes 30 % fewer bytes and that
/// path a third less time; where one comes every two seconds that costs 0.10 to 0.17 dB of all pictures together, for
/// those after it are coarser for a third of a second. With 200 it would be 0.2 to 0.4 dB.
const KEYFRAME_PERCENT: c_int = 300;

/// What the library gives where a function is missing from its table.
const MISSING: i64 = -1;

/// SMPTE 170M (BT.601) in the tables of colour primaries, transfer and matrix (H.264 tables E-3 to E-5).
const BT601: u8 = 6;

/// A picture is kept for later this many after the last one that all have. The library counts one more.
const KEEP_EVERY: u32 = 15;

/// An initialised encoder of pictures of one size.
pub(super) struct Native {
    api: OpenH264API,
    encoder: *mut ISVCEncoder,
    size: (u32, u32),
    keeps: bool,
    /// As it is set now.
    settings: Box<SEncParamExt>,
    /// Large: not on the stack for each picture.
    out: Box<SFrameBSInfo>,
}

// SAFETY: the library ties an encoder to no thread; it is used through `&mut` only, by one at a time.
unsafe impl Send for Native {}

/// A picture's planes, I420 without padding.
pub(super) struct Planes<'a> {
    pub y: &'a [u8],
    pub u: &'a [u8],
    pub v: &'a [u8],
}

impl Native {
    /// An encoder for pictures of `width` × `height`, both even, at `fps` and `bps`; `keeps`: now and then a picture is
    /// kept for later.
    pub fn open((width, height): (u32, u32), fps: f32, bps: u32, keeps: bool) -> Result<Self, i64> {
        let api = OpenH264API::from_source();
        let mut encoder = null_mut();
        // SAFETY: writes an encoder to the pointer, or gives an error.
        check(unsafe { api.WelsCreateSVCEncoder(&raw mut encoder) })?;
        if encoder.is_null() {
            return Err(MISSING);
        }
        // From here on `drop` gives it back.
        let (settings, out) = (Box::default(), Box::default());
        let mut native = Self { api, encoder, size: (width, height), keeps, settings, out };
        let mut quiet = WELS_LOG_QUIET;
        native.set(ENCODER_OPTION_TRACE_LEVEL, &mut quiet)?;
        let defaults = native.table().GetDefaultParams.ok_or(MISSING)?;
        // SAFETY: fills the structure it is given.
        check(unsafe { defaults(native.encoder, &raw mut *native.settings) })?;
        configure(&mut native.settings, (width as c_int, height as c_int), fps, bps as c_int);
        if keeps {
            native.settings.bEnableLongTermReference = true;
            // The only number it knows.
            native.settings.iLTRRefNum = 2;
            native.settings.iLtrMarkPeriod = KEEP_EVERY;
        }
        let initialize = native.table().InitializeExt.ok_or(MISSING)?;
        // SAFETY: reads the structure and keeps nothing of it.
        check(unsafe { initialize(native.encoder, &raw const *native.settings) })?;
        Ok(native)
    }

    /// What its pictures measure.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Whether it keeps pictures for later.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Everybody has the picture kept with this frame number after this IDR, or it is not waited for. Heard after the next
    /// picture.
    pub fn on_kept(&mut self, idr: u32, frame_num: u32, by_all: bool) {
        let kind = if by_all { LTR_MARKING_SUCCESS } else { LTR_MARKING_FAILED };
        let mut feedback = SLTRMarkingFeedback {
            uiFeedbackType: kind as u32,
            uiIDRPicId: idr,
            iLTRFrameNum: frame_num as c_int,
            iLayerId: 0,
        };
        let _ = self.set(ENCODER_LTR_MARKING_FEEDBACK, &mut feedback);
    }

    /// Lets the next picture build on the kept one that everybody has, of this IDR, at this quantiser: of such a picture
    /// the rate control knows no more than of any other, and it may be as large as a keyframe of far better quality.
    pub fn build_on_kept(&mut self, idr: u32, qp: i32) {
        let mut request = SLTRRecoverRequest {
            uiFeedbackType: LTR_RECOVERY_REQUEST as u32,
            uiIDRPicId: idr,
            // "From the current picture on", whichever the last good one was: the one that is built on is known.
            iLastCorrectFrameNum: 0,
            iCurrentFrameNum: -1,
            iLayerId: 0,
        };
        let _ = self.set(ENCODER_LTR_RECOVERY_REQUEST, &mut request);
        let mut settings = self.settings.clone();
        settings.iRCMode = RC_OFF_MODE;
        settings.sSpatialLayers[0].iDLayerQp = qp;
        // Nothing in these makes it begin anew: size, layers and references are as they were.
        if self.set(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, &mut *settings).is_ok() {
            let mut off = RC_OFF_MODE;
            let _ = self.set(ENCODER_OPTION_RC_MODE, &mut off);
        }
    }

    /// The rate control has its way again.
    pub fn control_rate(&mut self) {
        let mut mode = RC_BITRATE_MODE;
        let _ = self.set(ENCODER_OPTION_RC_MODE, &mut mode);
    }

    /// Makes the next picture an IDR.
    pub fn force_keyframe(&mut self) {
        if let Some(force) = self.table().ForceIntraFrame {
            // SAFETY: the encoder is initialised.
            unsafe { force(self.encoder, true) };
        }
    }

    /// Aims at another bitrate from the next picture on; `raised` tells that it is higher than the one before.
    pub fn set_bitrate(&mut self, bps: u32, raised: bool) {
        // The target of all layers, and the limit of the only one. The limit must never be below the target: the library
        // would take the target and then work against it.
        let (target, limit) =
            ((ENCODER_OPTION_BITRATE, SPATIAL_LAYER_ALL), (ENCODER_OPTION_MAX_BITRATE, SPATIAL_LAYER_0));
        for (option, layer) in if raised { [limit, target] } else { [target, limit] } {
            let mut rate = SBitrateInfo { iLayer: layer, iBitrate: bps as c_int };
            // 1 is a warning about the level, and on any other the old bitrate stays.
            let _ = self.set(option, &mut rate);
        }
        let bps = bps as c_int;
        self.settings.iTargetBitrate = bps;
        let layer = &mut self.settings.sSpatialLayers[0];
        (layer.iSpatialBitrate, layer.iMaxSpatialBitrate) = (bps, bps);
    }

    /// Encodes a picture of its size, taken at `time_ms`, to the end of `data`, and tells whether it is an IDR; `None`
    /// where the rate control skipped it.
    pub fn encode(&mut self, planes: &Planes<'_>, time_ms: i64, data: &mut Vec<u8>) -> Result<Option<bool>, i64> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let (luma, chroma) = (width * height, (width / 2) * (height / 2));
        if planes.y.len() < luma || planes.u.len() < chroma || planes.v.len() < chroma {
            return Err(MISSING);
        }
        let stride = self.size.0 as c_int;
        let source = SSourcePicture {
            iColorFormat: videoFormatI420,
            iStride: [stride, stride / 2, stride / 2, 0],
            // It only reads them.
            pData: [
                planes.y.as_ptr().cast_mut(),
                planes.u.as_ptr().cast_mut(),
                planes.v.as_ptr().cast_mut(),
                null_mut(),
            ],
            iPicWidth: stride,
            iPicHeight: self.size.1 as c_int,
            uiTimeStamp: time_ms,
            bPsnrY: false,
            bPsnrU: false,
            bPsnrV: false,
        };
        let encode = self.table().EncodeFrame.ok_or(MISSING)?;
        // SAFETY: the planes are as large as size and strides say, and outlive the call.
        check(unsafe { encode(self.encoder, &raw const source, &raw mut *self.out) })?;
        let before = data.len();
        for layer in self.out.sLayerInfo.iter().take(self.out.iLayerNum.max(0) as usize) {
            if layer.pBsBuf.is_null() || layer.pNalLengthInByte.is_null() {
                continue;
            }
            // SAFETY: until the next call the layer's NAL units lie one behind the other at `pBsBuf`, as many as
            // `iNalCount` says, as long as `pNalLengthInByte` says.
            let bytes = unsafe {
                let lengths = std::slice::from_raw_parts(layer.pNalLengthInByte, layer.iNalCount.max(0) as usize);
                let length = lengths.iter().map(|length| (*length).max(0) as usize).sum();
                std::slice::from_raw_parts(layer.pBsBuf, length)
            };
            data.extend_from_slice(bytes);
        }
        let kind = self.out.eFrameType;
        let skipped = data.len() == before || kind == videoFrameTypeSkip || kind == videoFrameTypeInvalid;
        Ok((!skipped).then_some(kind == videoFrameTypeIDR))
    }

    fn table(&self) -> &ISVCEncoderVtbl {
        // SAFETY: the library made it, with a table of functions that lives as long as the program.
        unsafe { &**self.encoder }
    }

    fn set<T>(&mut self, option: ENCODER_OPTION, value: &mut T) -> Result<(), i64> {
        let set = self.table().SetOption.ok_or(MISSING)?;
        // SAFETY: every caller in this file gives the option the type it reads; nothing of it is kept.
        check(unsafe { set(self.encoder, option, (&raw mut *value).cast()) })
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: made by the same library, and not used again. This uninitialises it too.
        unsafe { self.api.WelsDestroySVCEncoder(self.encoder) };
    }
}

fn check(code: c_int) -> Result<(), i64> {
    if code == 0 { Ok(()) } else { Err(code.into()) }
}

/// The settings of a live call; the rest is as the library has it.
fn configure(settings: &mut SEncParamExt, (width, height): (c_int, c_int), fps: f32, bps: c_int) {
    settings.iUsageType = CAMERA_VIDEO_REAL_TIME;
    (settings.iPicWidth, settings.iPicHeight) = (width, height);
    (settings.fMaxFrameRate, settings.iTargetBitrate) = (fps, bps);
    settings.iRCMode = RC_BITRATE_MODE;
    settings.iIdrBitrateRatio = KEYFRAME_PERCENT;
    (settings.iMinQp, settings.iMaxQp) = (0, 51);
    settings.iComplexityMode = LOW_COMPLEXITY;
    settings.bEnableFrameSkip = false;
    settings.bEnableSceneChangeDetect = false;
    settings.bEnableDenoise = false;
    settings.bEnableAdaptiveQuant = true;
    // With many bits a still background takes a twentieth less time to encode and a tenth less to decode, for 0.17 dB.
    settings.bEnableBackgroundDetection = true;
    settings.bEnableLongTermReference = false;
    // Where there are few bits a picture without this filter is 0.5 to 0.9 dB worse.
    settings.iLoopFilterDisableIdc = DEBLOCKING_IDC_0 as c_int;
    settings.iMultipleThreadIdc = 1;
    settings.uiIntraPeriod = 0;
    settings.eSpsPpsIdStrategy = CONSTANT_ID;
    (settings.iSpatialLayerNum, settings.iTemporalLayerNum) = (1, 1);
    let layer = &mut settings.sSpatialLayers[0];
    layer.uiProfileIdc = PRO_BASELINE;
    (layer.iVideoWidth, layer.iVideoHeight, layer.fFrameRate) = (width, height, fps);
    (layer.iSpatialBitrate, layer.iMaxSpatialBitrate) = (bps, bps);
    layer.sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
    layer.sSliceArgument.uiSliceNum = 1;
    // Limited range.
    (layer.bVideoSignalTypePresent, layer.bFullRange, layer.bColorDescriptionPresent) = (true, false, true);
    (layer.uiColorPrimaries, layer.uiTransferCharacteristics, layer.uiColorMatrix) = (BT601, BT601, BT601);
}
