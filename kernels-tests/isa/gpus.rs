//! The GPUs whose compilers `tools/gpu-compilers` sets up, and what is assumed about them.

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its architecture and an example.
    pub description: &'static str,
    /// The highest occupancy in the driver's unit: subgroups on a compute unit (AMD), warps on a multiprocessor (NVIDIA), threads
    /// on a core (Apple), or waves on a core (Qualcomm).
    pub most: u32,
    /// Bytes of workgroup memory that those share, where this is documented.
    pub memory_bytes: Option<u32>,
    /// What the model of time assumes.
    pub rates: Rates,
}

/// What the model of time assumes about a GPU. The figures are those of data sheets and of published measurements, rounded.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Number of units that each start one instruction in a cycle.
    pub units: u32,
    /// Number of units among which the driver's occupancy is divided.
    pub units_sharing: u32,
    /// Number of lanes that an instruction starts at once. A larger subgroup takes several cycles.
    pub lanes: u32,
    /// Cycles in a second.
    pub clock: f64,
    /// Bytes in a second from and to memory.
    pub memory: f64,
    /// Bytes in a second from and to the last cache.
    pub cache: f64,
    /// Size of the last cache in bytes.
    pub cache_bytes: f64,
    /// Cycles until a load from memory or cache arrives.
    pub latency: f64,
    /// Seconds from the end of a dispatch until the next one starts, if the next one reads its result.
    pub launch: f64,
}

/// The GPUs, in the order in which they are reported.
pub const GPUS: &[Gpu] = &[
    Gpu {
        name: "navi31",
        description: "AMD RDNA3, Radeon RX 7900 XTX",
        most: 32,
        memory_bytes: Some(65_536),
        rates: Rates {
            units: 192,
            units_sharing: 2,
            lanes: 32,
            clock: 2.3e9,
            memory: 960e9,
            cache: 3e12,
            cache_bytes: 96e6,
            latency: 700.0,
            launch: 4e-6,
        },
    },
    Gpu {
        name: "navi21",
        description: "AMD RDNA2, Radeon RX 6800",
        most: 32,
        memory_bytes: Some(65_536),
        rates: Rates {
            units: 120,
            units_sharing: 2,
            lanes: 32,
            clock: 2.1e9,
            memory: 512e9,
            cache: 1.9e12,
            cache_bytes: 128e6,
            latency: 700.0,
            launch: 4e-6,
        },
    },
    Gpu {
        name: "gfx1201",
        description: "AMD RDNA4, Radeon RX 9070",
        most: 32,
        memory_bytes: Some(65_536),
        rates: Rates {
            units: 112,
            units_sharing: 2,
            lanes: 32,
            clock: 2.5e9,
            memory: 640e9,
            cache: 2.6e12,
            cache_bytes: 64e6,
            latency: 700.0,
            launch: 4e-6,
        },
    },
    Gpu {
        name: "turing",
        description: "NVIDIA Turing, GeForce RTX 2080",
        most: 32,
        memory_bytes: Some(65_536),
        rates: Rates {
            units: 184,
            units_sharing: 4,
            lanes: 32,
            clock: 1.7e9,
            memory: 448e9,
            cache: 1.6e12,
            cache_bytes: 4e6,
            latency: 600.0,
            launch: 3e-6,
        },
    },
    Gpu {
        name: "ampere",
        description: "NVIDIA Ampere, GeForce RTX 3090",
        most: 48,
        memory_bytes: Some(102_400),
        rates: Rates {
            units: 328,
            units_sharing: 4,
            lanes: 32,
            clock: 1.7e9,
            memory: 936e9,
            cache: 2e12,
            cache_bytes: 6e6,
            latency: 600.0,
            launch: 3e-6,
        },
    },
    Gpu {
        name: "apple",
        description: "Apple M1",
        most: 1024,
        memory_bytes: None,
        rates: Rates {
            units: 32,
            units_sharing: 128,
            lanes: 32,
            clock: 1.28e9,
            memory: 68e9,
            cache: 250e9,
            cache_bytes: 8e6,
            latency: 600.0,
            launch: 5e-6,
        },
    },
    Gpu {
        name: "adreno",
        description: "Qualcomm Adreno 740",
        most: 16,
        memory_bytes: None,
        rates: Rates {
            units: 24,
            units_sharing: 2,
            lanes: 64,
            clock: 680e6,
            memory: 67e9,
            cache: 250e9,
            cache_bytes: 3e6,
            latency: 500.0,
            launch: 20e-6,
        },
    },
];
