#include "ops.h"

#define PERFORATED_CONV_EXPORT __attribute__((visibility("default")))

extern "C" PERFORATED_CONV_EXPORT OrtStatus* ORT_API_CALL
RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    // Any version serves to report an error; 1 is in every release.
    return base->GetApi(1)->CreateStatus(
        ORT_FAIL, "perforated_conv was built for a newer ONNX Runtime than this one");
  }
  Ort::InitApi(api);
  return perforated_conv::ort::Guarded([options] {
    // ONNX Runtime keeps pointers to the domain: it lives as long as the library.
    static const Ort::CustomOpDomain domain = [] {
      Ort::CustomOpDomain pag("pag");
#define PERFORATED_CONV_ADD(name) pag.Add(perforated_conv::ort::name##Op());
      PERFORATED_CONV_EACH_OP(PERFORATED_CONV_ADD)
      return pag;
    }();
    Ort::ThrowOnError(Ort::GetApi().AddCustomOpDomain(options, domain));
  });
}
