#include "import/tflite/tflite_options.h"

#include <flatbuffers/flexbuffers.h>
#include <flatbuffers/minireflect.h>

#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

class AttributeVisitor final : public flatbuffers::IterationVisitor {
 public:
  void Field(size_t, size_t, flatbuffers::ElementaryType, bool, const flatbuffers::TypeTable*,
             const char* name, const uint8_t*) override {
    name_ = name;
  }
  void UType(uint8_t value, const char* name) override { Scalar(value, name); }
  void Bool(bool value) override { Scalar(value, nullptr); }
  void Char(int8_t value, const char* name) override { Scalar(value, name); }
  void UChar(uint8_t value, const char* name) override { Scalar(value, name); }
  void Short(int16_t value, const char* name) override { Scalar(value, name); }
  void UShort(uint16_t value, const char* name) override { Scalar(value, name); }
  void Int(int32_t value, const char* name) override { Scalar(value, name); }
  void UInt(uint32_t value, const char* name) override { Scalar(value, name); }
  void Long(int64_t value) override { Scalar(value, nullptr); }
  void ULong(uint64_t value) override { Scalar(static_cast<int64_t>(value), nullptr); }
  void Float(float value) override { Double(static_cast<double>(value)); }
  void Double(double value) override { attributes.Set(name_, value); }
  void String(const flatbuffers::String* value) override { attributes.Set(name_, value->str()); }
  void StartVector() override {
    in_vector_ = true;
    ints_.clear();
  }
  void EndVector() override {
    in_vector_ = false;
    attributes.Set(name_, std::move(ints_));
  }

  Attributes attributes;

 private:
  void Scalar(int64_t value, const char* name) {
    if (in_vector_) {
      ints_.push_back(value);
    } else if (name != nullptr) {
      attributes.Set(name_, std::string(name));
    } else {
      attributes.Set(name_, value);
    }
  }

  std::string name_;
  bool in_vector_ = false;
  std::vector<int64_t> ints_;
};

// A custom operator's options are often a FlexBuffers map; what it holds of numbers becomes attributes.
void ReadMap(const uint8_t* data, size_t size, Attributes* attributes) {
  if (!flexbuffers::VerifyBuffer(data, size)) return;
  const flexbuffers::Reference root = flexbuffers::GetRoot(data, size);
  if (!root.IsMap()) return;
  const flexbuffers::Map map = root.AsMap();
  const flexbuffers::TypedVector keys = map.Keys();
  size_t entries = size;  // vectors of an honest map do not overlap
  for (size_t i = 0; i < map.size(); ++i) {
    const char* name = keys[i].AsKey();
    const flexbuffers::Reference value = map.Values()[i];
    if (value.IsIntOrUint() || value.IsBool()) attributes->Set(name, value.AsInt64());
    if (value.IsFloat()) attributes->Set(name, value.AsDouble());
    if (value.IsTypedVector() || value.IsUntypedVector()) {
      const flexbuffers::TypedVector typed = value.AsTypedVector();
      const flexbuffers::Vector untyped = value.AsVector();
      const size_t count = value.IsTypedVector() ? typed.size() : untyped.size();
      if (count > entries) return;
      entries -= count;
      std::vector<int64_t> ints;
      for (size_t k = 0; k < count; ++k) {
        const flexbuffers::Reference entry = value.IsTypedVector() ? typed[k] : untyped[k];
        if (entry.IsIntOrUint()) ints.push_back(entry.AsInt64());
      }
      if (ints.size() == count) attributes->Set(name, std::move(ints));
    }
  }
}

}  // namespace

Attributes ReadTfliteOptions(const fb::Operator& op) {
  AttributeVisitor visitor;
  const flatbuffers::TypeTable* options = fb::BuiltinOptionsTypeTable();
  const int64_t i = flatbuffers::LookupEnum(static_cast<int64_t>(op.builtin_options_type()), options->values,
                                            options->num_elems);
  // The first entry is "none"; a type that this schema does not know is not found.
  if (i > 0 && op.builtin_options() != nullptr) {
    const auto reference = options->type_codes[i].sequence_ref;
    flatbuffers::IterateObject(static_cast<const uint8_t*>(op.builtin_options()),
                               options->type_refs[reference](), &visitor);
  }
  if (op.custom_options() != nullptr) {
    ReadMap(op.custom_options()->data(), op.custom_options()->size(), &visitor.attributes);
    visitor.attributes.Set(
        "custom_options",
        std::string(reinterpret_cast<const char*>(op.custom_options()->data()), op.custom_options()->size()));
  }
  return std::move(visitor.attributes);
}

}  // namespace whet
