//! A Vulkan driver as a compiler: it compiles a kernel and reports statistics and assembly. Nothing is run.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};

use ash::{ext, khr, vk};
use lineament::plan::{Capabilities, Name, Variant};
use lineament::wgsl::ShaderError;

use super::assembly::Dialect;
use super::capture::captured;
use super::spirv::{self, Bound, Features};

/// Why a kernel cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum IsaError {
    /// There is no Vulkan loader.
    #[error("no Vulkan loader was found ({0}); install libvulkan1 and the driver of the GPU")]
    NoLoader(#[from] ash::LoadingError),
    /// There is no such adapter.
    #[error("there is no Vulkan adapter '{wanted}'; there are: {}", if known.is_empty() { "none".into() } else { known.join(", ") })]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// The adapters that there are.
        known: Vec<String>,
    },
    /// The driver reports nothing about what it compiled.
    #[error(
        "{0} does not report what it compiles (VK_KHR_pipeline_executable_properties); the drivers of AMD, NVIDIA, Intel and Mesa do"
    )]
    NoReports(String),
    /// Vulkan reports an error.
    #[error("the driver failed to {doing}: {error}")]
    Vulkan {
        /// What was tried.
        doing: &'static str,
        /// Vulkan's error.
        error: vk::Result,
    },
    /// What a driver prints cannot be caught.
    #[error("the driver's output cannot be caught: {0}")]
    Capture(std::io::Error),
    /// The kernel cannot be translated.
    #[error(transparent)]
    Shader(#[from] ShaderError),
}

/// What a driver made of a kernel.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The number of lanes in a subgroup.
    pub subgroup_size: u32,
    /// The driver's statistics, by name.
    pub statistics: BTreeMap<String, f64>,
    /// The driver's texts by name, the assembly among them.
    pub texts: BTreeMap<String, String>,
}

impl Compiled {
    /// Returns a statistic. Drivers name the same thing differently, so several names can be given.
    pub fn statistic(&self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| self.statistics.get(*name)).copied()
    }

    /// Returns the assembly and its dialect, if the driver's is known.
    pub fn assembly(&self) -> Option<(Dialect, &str)> {
        const KNOWN: [(&str, &str, Dialect); 4] = [
            ("VGPRs", "Assembly", Dialect::Radv),
            ("Number of GPRs", "NAK assembly", Dialect::Nak),
            ("GPRs", PRINTED, Dialect::Agx),
            ("Registers used", "IR3 Assembly", Dialect::Ir3),
        ];
        let (_, text, dialect) = KNOWN.into_iter().find(|(statistic, ..)| self.statistics.contains_key(*statistic))?;
        Some((dialect, self.texts.get(text)?))
    }
}

/// The name under which the text is kept that a driver prints instead of reporting it.
const PRINTED: &str = "printed by the driver";

/// An open driver.
pub struct Driver {
    /// The adapter's name.
    pub name: String,
    /// The driver's name and version.
    pub version: String,
    /// The sizes that a subgroup can have, smallest first.
    pub subgroup_sizes: [u32; 2],
    features: Features,
    prints_assembly: bool,
    reports: khr::pipeline_executable_properties::Device,
    device: ash::Device,
    instance: ash::Instance,
    // The functions of the instance and the device lie in this library.
    _entry: ash::Entry,
}

impl Driver {
    /// Opens the adapter whose name contains `wanted`, or the first one that is a GPU.
    ///
    /// # Errors
    /// There is no such adapter, or its driver does not report what it compiles.
    pub fn open(wanted: Option<&str>) -> Result<Driver, IsaError> {
        // SAFETY: the loader is a Vulkan library. Every structure below lives until the call that reads it returns, and
        // extensions and features are enabled only if the driver has them.
        unsafe {
            let entry = ash::Entry::load()?;
            let application = vk::ApplicationInfo::default().application_name(c"wgpu").api_version(vk::API_VERSION_1_3);
            let instance = entry
                .create_instance(&vk::InstanceCreateInfo::default().application_info(&application), None)
                .map_err(failed("start"))?;
            match open_device(&entry, &instance, wanted) {
                Ok(opened) => Ok(opened.into_driver(entry, instance)),
                Err(error) => {
                    instance.destroy_instance(None);
                    Err(error)
                }
            }
        }
    }

    /// Returns the reason why the GPU cannot run a variant, if there is one.
    pub fn lacks(&self, variant: &Variant) -> Option<&'static str> {
        variant.lacks(&Capabilities {
            shader_f16: self.features.shader_float16,
            shader_int64: self.features.shader_int64,
            matrix_side: self.features.matrix_side,
            ..Capabilities::webgpu(false, self.known_subgroup_size())
        })
    }

    /// Returns the subgroup size, if there is only one.
    pub fn known_subgroup_size(&self) -> Option<u32> {
        let [smallest, largest] = self.subgroup_sizes;
        (smallest == largest).then_some(smallest)
    }

    /// Compiles the expanded source of a kernel as wgpu does, with the given values of its overrides.
    ///
    /// # Errors
    /// The kernel cannot be translated, or the driver rejects it.
    pub fn compile(&self, kernel: &str, source: &str, overrides: &[(Name, f64)]) -> Result<Compiled, IsaError> {
        let translated = spirv::translate(kernel, source, overrides, self.features)?;
        // SAFETY: as in `open`; what is created here is destroyed here, after the driver has reported on it.
        unsafe {
            let module = vk::ShaderModuleCreateInfo::default().code(&translated.words);
            let module = self.device.create_shader_module(&module, None).map_err(failed("load a kernel"))?;
            let layout = self.layout(&translated.bindings);
            let compiled = layout.and_then(|(set, layout)| {
                let compiled = self.pipeline(module, layout);
                self.device.destroy_pipeline_layout(layout, None);
                self.device.destroy_descriptor_set_layout(set, None);
                compiled
            });
            self.device.destroy_shader_module(module, None);
            compiled
        }
    }

    unsafe fn layout(&self, bindings: &[Bound]) -> Result<(vk::DescriptorSetLayout, vk::PipelineLayout), IsaError> {
        let binding = |(number, bound): (u32, &Bound)| {
            let kind = match bound {
                Bound::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                Bound::Storage => vk::DescriptorType::STORAGE_BUFFER,
            };
            let binding = vk::DescriptorSetLayoutBinding::default().binding(number).descriptor_type(kind);
            binding.descriptor_count(1).stage_flags(vk::ShaderStageFlags::COMPUTE)
        };
        let bindings: Vec<_> = (0..).zip(bindings).map(binding).collect();
        // SAFETY: see `compile`.
        unsafe {
            let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let set = self.device.create_descriptor_set_layout(&set, None).map_err(failed("describe bindings"))?;
            let sets = [set];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            match self.device.create_pipeline_layout(&layout, None) {
                Ok(layout) => Ok((set, layout)),
                Err(error) => {
                    self.device.destroy_descriptor_set_layout(set, None);
                    Err(failed("describe bindings")(error))
                }
            }
        }
    }

    unsafe fn pipeline(&self, module: vk::ShaderModule, layout: vk::PipelineLayout) -> Result<Compiled, IsaError> {
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .flags(vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE)
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(c"main");
        let capture =
            vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        let info = [vk::ComputePipelineCreateInfo::default().flags(capture).stage(stage).layout(layout)];
        // SAFETY: see `compile`.
        let create = || unsafe { self.device.create_compute_pipelines(vk::PipelineCache::null(), &info, None) };
        let (created, printed) =
            if self.prints_assembly { captured(create).map_err(IsaError::Capture)? } else { (create(), String::new()) };
        let pipeline = created.map_err(|(_, error)| failed("compile a kernel")(error))?[0];
        // SAFETY: see `compile`.
        unsafe {
            let mut compiled = self.report(pipeline);
            self.device.destroy_pipeline(pipeline, None);
            if let Ok(compiled) = &mut compiled {
                compiled.texts.insert(PRINTED.into(), printed);
            }
            compiled
        }
    }

    /// Asks the driver about a pipeline. A compute pipeline has one executable.
    unsafe fn report(&self, pipeline: vk::Pipeline) -> Result<Compiled, IsaError> {
        let pipeline_info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let (device, functions) = (self.device.handle(), self.reports.fp());
        // SAFETY: see `compile`; `list` passes null or room for as many elements as the driver named.
        let properties = list(|count, elements| unsafe {
            (functions.get_pipeline_executable_properties_khr)(device, &pipeline_info, count, elements)
        })?;
        let statistics = list(|count, elements| unsafe {
            (functions.get_pipeline_executable_statistics_khr)(device, &executable, count, elements)
        })?;
        let mut texts = list(|count, elements| unsafe {
            (functions.get_pipeline_executable_internal_representations_khr)(device, &executable, count, elements)
        })?;
        // The driver has filled in the lengths; it writes the texts themselves once it is given room.
        let mut bytes: Vec<Vec<u8>> = texts.iter().map(|text| vec![0; text.data_size]).collect();
        for (text, bytes) in texts.iter_mut().zip(&mut bytes) {
            text.p_data = bytes.as_mut_ptr().cast();
        }
        let mut count = texts.len() as u32;
        let read = functions.get_pipeline_executable_internal_representations_khr;
        // SAFETY: every element has room for its text.
        accept(unsafe { read(device, &executable, &mut count, texts.as_mut_ptr()) })?;
        let content = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_string();
        Ok(Compiled {
            subgroup_size: properties.first().map_or(0, |one: &vk::PipelineExecutablePropertiesKHR| one.subgroup_size),
            statistics: statistics.iter().map(|one| (text(&one.name), value(one))).collect(),
            texts: texts.iter().zip(&bytes).map(|(one, bytes)| (text(&one.name), content(bytes))).collect(),
        })
    }
}

/// Returns the elements that a function of Vulkan lists: called without room, it reports how many there are.
fn list<T: Default + Clone>(function: impl Fn(&mut u32, *mut T) -> vk::Result) -> Result<Vec<T>, IsaError> {
    let mut count = 0;
    accept(function(&mut count, std::ptr::null_mut()))?;
    let mut elements = vec![T::default(); count as usize];
    accept(function(&mut count, elements.as_mut_ptr()))?;
    Ok(elements)
}

/// Refuses a result that is an error. Negative results are errors, and others only notes.
fn accept(result: vk::Result) -> Result<(), IsaError> {
    if result.as_raw() < 0 { Err(failed("report on a kernel")(result)) } else { Ok(()) }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: nothing that was created from them is left.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// A device with what is known about it.
struct Opened {
    name: String,
    version: String,
    subgroup_sizes: [u32; 2],
    features: Features,
    prints_assembly: bool,
    device: ash::Device,
}

impl Opened {
    fn into_driver(self, entry: ash::Entry, instance: ash::Instance) -> Driver {
        let reports = khr::pipeline_executable_properties::Device::new(&instance, &self.device);
        let Opened { name, version, subgroup_sizes, features, prints_assembly, device } = self;
        Driver { name, version, subgroup_sizes, features, prints_assembly, reports, device, instance, _entry: entry }
    }
}

/// Chooses the adapter: the first whose name contains `wanted`, or the first one that does not compute on the processor.
unsafe fn choose(instance: &ash::Instance, wanted: Option<&str>) -> Result<vk::PhysicalDevice, IsaError> {
    // SAFETY: see `Driver::open`.
    unsafe {
        let adapters = instance.enumerate_physical_devices().map_err(failed("list adapters"))?;
        let properties = |adapter: &vk::PhysicalDevice| instance.get_physical_device_properties(*adapter);
        let found = adapters.iter().find(|adapter| match wanted {
            Some(wanted) => text(&properties(adapter).device_name).to_lowercase().contains(&wanted.to_lowercase()),
            None => properties(adapter).device_type != vk::PhysicalDeviceType::CPU,
        });
        let known = adapters.iter().map(|adapter| text(&properties(adapter).device_name)).collect();
        found.copied().ok_or_else(|| IsaError::NoAdapter { wanted: wanted.unwrap_or("GPU").into(), known })
    }
}

/// Returns the side of the cooperative matrices that the kernels use on an adapter: matrices of 16-bit floats with sums in 32-bit
/// floats.
unsafe fn matrix_side(
    entry: &ash::Entry,
    instance: &ash::Instance,
    adapter: vk::PhysicalDevice,
) -> Result<Option<u32>, IsaError> {
    let functions = khr::cooperative_matrix::Instance::new(entry, instance);
    // SAFETY: see `Driver::open`.
    let matrices = unsafe { functions.get_physical_device_cooperative_matrix_properties(adapter) };
    let suits = |side: u32, matrix: &vk::CooperativeMatrixPropertiesKHR| {
        [matrix.m_size, matrix.n_size, matrix.k_size] == [side; 3]
            && [matrix.a_type, matrix.b_type] == [vk::ComponentTypeKHR::FLOAT16; 2]
            && [matrix.c_type, matrix.result_type] == [vk::ComponentTypeKHR::FLOAT32; 2]
    };
    let matrices = matrices.map_err(failed("list its cooperative matrices"))?;
    Ok([16, 8].into_iter().find(|side| matrices.iter().any(|matrix| suits(*side, matrix))))
}

/// Opens an adapter with the features that wgpu enables for Lineament.
unsafe fn open_device(entry: &ash::Entry, instance: &ash::Instance, wanted: Option<&str>) -> Result<Opened, IsaError> {
    // SAFETY: see `Driver::open`.
    unsafe {
        let adapter = choose(instance, wanted)?;
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut sizes = vk::PhysicalDeviceSubgroupSizeControlProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver).push_next(&mut sizes);
        instance.get_physical_device_properties2(adapter, &mut properties);
        let properties = properties.properties;
        let name = text(&properties.device_name);
        let extensions = instance.enumerate_device_extension_properties(adapter).map_err(failed("list extensions"))?;
        let has = |name: &CStr| extensions.iter().any(|known| known.extension_name_as_c_str() == Ok(name));
        if !has(khr::pipeline_executable_properties::NAME) {
            return Err(IsaError::NoReports(name));
        }

        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
        let mut vulkan_11 = vk::PhysicalDeviceVulkan11Features::default();
        let mut vulkan_12 = vk::PhysicalDeviceVulkan12Features::default();
        let mut vulkan_13 = vk::PhysicalDeviceVulkan13Features::default();
        let mut known = vk::PhysicalDeviceFeatures2::default();
        known = known.push_next(&mut vulkan_11).push_next(&mut vulkan_12).push_next(&mut vulkan_13);
        if has(ext::robustness2::NAME) {
            known = known.push_next(&mut robustness);
        }
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        if has(khr::cooperative_matrix::NAME) {
            known = known.push_next(&mut matrices);
        }
        instance.get_physical_device_features2(adapter, &mut known);
        let core = known.features;
        const QUALCOMM: u32 = 0x5143;
        // VK_DRIVER_ID_MESA_HONEYKRISP
        const HONEYKRISP: vk::DriverId = vk::DriverId::from_raw(26);
        let features = Features {
            robust_buffer_access_2: robustness.robust_buffer_access2 == vk::TRUE,
            shader_float16: vulkan_12.shader_float16 == vk::TRUE && vulkan_11.storage_buffer16_bit_access == vk::TRUE,
            shader_int64: core.shader_int64 == vk::TRUE,
            // Their workgroups have 32 threads.
            matrix_side: match matrices.cooperative_matrix == vk::TRUE && sizes.min_subgroup_size <= 32 {
                true => matrix_side(entry, instance, adapter)?,
                false => None,
            },
            shader_int8: vulkan_12.shader_int8 == vk::TRUE,
            integer_dot_product: vulkan_13.shader_integer_dot_product == vk::TRUE,
            zero_initialize_workgroup_memory: vulkan_13.shader_zero_initialize_workgroup_memory == vk::TRUE,
            label_varyings: properties.vendor_id != QUALCOMM,
        };

        let mut reports = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let mut vulkan_11 = vk::PhysicalDeviceVulkan11Features::default()
            .storage_buffer16_bit_access(features.shader_float16)
            .uniform_and_storage_buffer16_bit_access(vulkan_11.uniform_and_storage_buffer16_bit_access == vk::TRUE);
        let mut vulkan_12 = vk::PhysicalDeviceVulkan12Features::default()
            .shader_float16(features.shader_float16)
            .shader_int8(features.shader_int8)
            .vulkan_memory_model(vulkan_12.vulkan_memory_model == vk::TRUE)
            .vulkan_memory_model_device_scope(vulkan_12.vulkan_memory_model_device_scope == vk::TRUE)
            .shader_subgroup_extended_types(vulkan_12.shader_subgroup_extended_types == vk::TRUE);
        let mut vulkan_13 = vk::PhysicalDeviceVulkan13Features::default()
            .subgroup_size_control(vulkan_13.subgroup_size_control == vk::TRUE)
            .shader_zero_initialize_workgroup_memory(features.zero_initialize_workgroup_memory)
            .robust_image_access(vulkan_13.robust_image_access == vk::TRUE)
            .shader_integer_dot_product(features.integer_dot_product);
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default()
            .robust_buffer_access2(features.robust_buffer_access_2)
            .robust_image_access2(robustness.robust_image_access2 == vk::TRUE);
        let core = vk::PhysicalDeviceFeatures::default()
            .robust_buffer_access(core.robust_buffer_access == vk::TRUE)
            .shader_int64(features.shader_int64)
            .shader_int16(core.shader_int16 == vk::TRUE);
        let mut enabled = vk::PhysicalDeviceFeatures2::default().features(core);
        enabled = enabled.push_next(&mut reports).push_next(&mut vulkan_11).push_next(&mut vulkan_12).push_next(&mut vulkan_13);
        let mut names: Vec<*const c_char> = vec![khr::pipeline_executable_properties::NAME.as_ptr()];
        if has(ext::robustness2::NAME) {
            names.push(ext::robustness2::NAME.as_ptr());
            enabled = enabled.push_next(&mut robustness);
        }
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default().cooperative_matrix(true);
        if features.matrix_side.is_some() {
            names.push(khr::cooperative_matrix::NAME.as_ptr());
            enabled = enabled.push_next(&mut matrices);
        }
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let device = vk::DeviceCreateInfo::default().queue_create_infos(&queues).enabled_extension_names(&names);
        let device = instance.create_device(adapter, &device.push_next(&mut enabled), None).map_err(failed("open"))?;
        Ok(Opened {
            name,
            version: format!("{} {}", text(&driver.driver_name), text(&driver.driver_info)),
            subgroup_sizes: [sizes.min_subgroup_size, sizes.max_subgroup_size],
            features,
            prints_assembly: driver.driver_id == HONEYKRISP,
            device,
        })
    }
}

/// Returns a function that adds to an error of Vulkan what was tried.
fn failed(doing: &'static str) -> impl FnOnce(vk::Result) -> IsaError {
    move |error| IsaError::Vulkan { doing, error }
}

/// Returns the text of an array that ends with a zero.
fn text(array: &[c_char]) -> String {
    let bytes: Vec<u8> = array.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn value(statistic: &vk::PipelineExecutableStatisticKHR) -> f64 {
    use vk::PipelineExecutableStatisticFormatKHR as Format;
    // SAFETY: the format says which member of the union the driver wrote.
    unsafe {
        match statistic.format {
            Format::BOOL32 => f64::from(statistic.value.b32),
            Format::INT64 => statistic.value.i64 as f64,
            Format::UINT64 => statistic.value.u64 as f64,
            _ => statistic.value.f64,
        }
    }
}
