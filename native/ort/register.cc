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
      pag.Add(perforated_conv::ort::PerforatedConvOp());
      pag.Add(perforated_conv::ort::BottleneckOp());
      pag.Add(perforated_conv::ort::BudgetMaskOp());
      pag.Add(perforated_conv::ort::GateMaskOp());
      pag.Add(perforated_conv::ort::UpsampledLabelsOp());
      return pag;
    }();
    Ort::ThrowOnError(Ort::GetApi().AddCustomOpDomain(options, domain));
  });
}
