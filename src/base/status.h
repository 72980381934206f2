// Errors as values. Nothing in Whet throws across a folder's border, aborts or prints: a function that can
// fail returns a Status, or a Result<T> that holds a Status or a T.
//
// A message says what happened, where, and what to do about it, in one paragraph a stranger understands.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace whet {

// The numbers are part of the C ABI (whet.h repeats them); never renumber.
enum class Code : uint8_t {
  kOk = 0,
  kInvalidArgument = 1,  // the caller's arguments are wrong
  kNotFound = 2,         // a file, a name or a row that does not exist
  kBadFile = 3,          // bytes from outside that are not what they claim to be
  kUnsupported = 4,      // well formed, but Whet cannot do it (yet)
  kIo = 5,               // the operating system refused
  kOutOfMemory = 6,
  kLimitExceeded = 7,  // a limit that the caller or the format sets
  kInternal = 8,       // a broken invariant: a bug in Whet
};

// "invalid argument", "bad file", …
std::string_view CodeName(Code code);

// One pointer wide; null is success, so success costs nothing. Movable, not copyable: an error has one owner.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string what) : rep_(new(std::nothrow) Rep{code, std::move(what), {}}) {}
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  // What happened and what to do; empty on success.
  std::string_view what() const { return rep_ ? std::string_view(rep_->what) : std::string_view(); }
  // Where, from the outside in: "model.onnx: node 'conv1' (Conv)"; empty if unknown.
  std::string_view where() const { return rep_ ? std::string_view(rep_->where) : std::string_view(); }

  // Puts `outer` before what is already known of the place. No effect on success.
  Status At(std::string_view outer) &&;

  // "model.onnx: node 'conv1' (Conv): kernel_shape has 3 entries but the input has 2 spatial dimensions".
  std::string ToString() const;

 private:
  struct Rep {
    Code code;
    std::string what;
    std::string where;
  };
  std::unique_ptr<Rep> rep_;
};

inline Status OkStatus() { return {}; }

// Formats like printf into a Status, so that call sites need no streams.
[[gnu::format(printf, 2, 3)]] Status Error(Code code, const char* format, ...);

// Formats like printf into a string.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

// Either a value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : has_value_(true) { new (&value_) T(std::move(value)); }  // NOLINT: implicit by design
  Result(Status status) : has_value_(false) { new (&status_) Status(std::move(status)); }  // NOLINT
  Result(Result&& other) noexcept : has_value_(other.has_value_) {
    if (has_value_) {
      new (&value_) T(std::move(other.value_));
    } else {
      new (&status_) Status(std::move(other.status_));
    }
  }
  Result& operator=(Result&& other) noexcept {
    if (this != &other) {
      this->~Result();
      new (this) Result(std::move(other));
    }
    return *this;
  }
  ~Result() {
    if (has_value_) {
      value_.~T();
    } else {
      status_.~Status();
    }
  }

  bool ok() const { return has_value_; }
  // Only valid when !ok(); moves the error out.
  Status TakeStatus() { return has_value_ ? Status() : std::move(status_); }
  const Status& status() const { return status_; }
  // Only valid when ok().
  T& value() { return value_; }
  const T& value() const { return value_; }
  T& operator*() { return value_; }
  const T& operator*() const { return value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  bool has_value_;
  union {
    T value_;
    Status status_;
  };
};

}  // namespace whet

#define WHET_CONCAT_INNER(a, b) a##b
#define WHET_CONCAT(a, b) WHET_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Status) to the caller, or goes on.
#define WHET_RETURN_IF_ERROR(expression)                                               \
  do {                                                                                 \
    if (::whet::Status whet_error = (expression); !whet_error.ok()) return whet_error; \
  } while (false)

// WHET_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
#define WHET_ASSIGN_OR_RETURN(declaration, expression) \
  WHET_ASSIGN_OR_RETURN_INNER(WHET_CONCAT(whet_result_, __LINE__), declaration, expression)
#define WHET_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                        \
  if (!result.ok()) return result.TakeStatus();                      \
  declaration = std::move(*result)
