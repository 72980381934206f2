// Runs a Model file on inputs of zeros and prints the first values of every output.
//
//   run_model MODEL.whet [INPUT=1x3x224x224 …]
#include <whet/whet.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

whet::api::Binding ParseShape(const std::string& argument) {
  whet::api::Binding binding;
  const size_t equals = argument.find('=');
  binding.name = argument.substr(0, equals);
  for (size_t at = equals; at != std::string::npos; at = argument.find('x', at + 1)) {
    binding.dims.push_back(std::atoll(argument.c_str() + at + 1));
  }
  return binding;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: run_model MODEL.whet [INPUT=1x3x224x224 ...]\n");
    return 2;
  }
  try {
    const whet::api::Model model = whet::api::Model::Open(argv[1]);
    std::vector<whet::api::Binding> shapes;
    for (int i = 2; i < argc; ++i) shapes.push_back(ParseShape(argv[i]));
    whet::api::Options options;
    options.threads = 2;
    whet::api::Session session(model, options, shapes);
    for (size_t i = 0; i < session.input_count(); ++i) {
      const whet_tensor input = session.input(i);
      std::memset(input.data, 0, input.bytes);
    }
    session.Run();
    for (size_t i = 0; i < session.output_count(); ++i) {
      const whet_tensor output = session.output(i);
      std::printf("%s:", output.name);
      if (output.dtype == WHET_F32) {
        const auto* values = static_cast<const float*>(output.data);
        for (uint64_t k = 0; k < std::min<uint64_t>(4, output.bytes / 4); ++k) std::printf(" %g", values[k]);
      }
      std::printf("\n");
    }
    std::printf("%llu bytes beside the weights\n", static_cast<unsigned long long>(session.memory_bytes()));
  } catch (const whet::api::Error& error) {
    std::fprintf(stderr, "run_model: %s\n", error.what());
    return 1;
  }
}
