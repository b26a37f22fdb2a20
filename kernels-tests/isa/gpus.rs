//! The GPUs whose compilers `tools/gpu-compilers` sets up, and what their subgroups share.

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its architecture and an example.
    pub description: &'static str,
    /// The highest occupancy, in the driver's unit: subgroups on a SIMD unit, warps on a multiprocessor, threads or waves on a core.
    pub most: u32,
    /// The workgroup memory that subgroups share, where it is documented.
    pub memory: Option<SharedMemory>,
}

/// Workgroup memory that the subgroups on some units share.
#[derive(Debug, Clone, Copy)]
pub struct SharedMemory {
    /// Its size in bytes.
    pub bytes: u32,
    /// Number of units, for each of which the driver states an occupancy.
    pub units: u32,
}

/// A workgroup processor of AMD's RDNA: four SIMD units share 128 KiB.
const RDNA: Option<SharedMemory> = Some(SharedMemory { bytes: 131_072, units: 4 });

/// The GPUs, in the order in which they are reported.
pub const GPUS: &[Gpu] = &[
    Gpu { name: "navi31", description: "AMD RDNA3, Radeon RX 7900", most: 32, memory: RDNA },
    Gpu { name: "navi21", description: "AMD RDNA2, Radeon RX 6800", most: 32, memory: RDNA },
    Gpu { name: "gfx1201", description: "AMD RDNA4, Radeon RX 9070", most: 32, memory: RDNA },
    Gpu {
        name: "turing",
        description: "NVIDIA Turing, GeForce RTX 2080",
        most: 32,
        memory: Some(SharedMemory { bytes: 65_536, units: 1 }),
    },
    Gpu {
        name: "ampere",
        description: "NVIDIA Ampere, GeForce RTX 3090",
        most: 48,
        memory: Some(SharedMemory { bytes: 102_400, units: 1 }),
    },
    Gpu { name: "apple", description: "Apple M1", most: 1024, memory: None },
    Gpu { name: "adreno", description: "Qualcomm Adreno 740", most: 16, memory: None },
];
