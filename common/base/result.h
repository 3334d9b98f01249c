// Errors as values.
//
// Result<T> is what a function answers when the caller must choose what to do about a failure: answer
// 4xx or 5xx, NO or BAD, wait or give up. Exceptions are left for what ends a session or a job.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace waxwing {

// Who can mend it, and when. Mapped once per protocol: SMTP 4xx/5xx, IMAP NO/BAD, exit codes.
enum class Fault {
  temporary,  // the same request may succeed later: directory down, disk full, peer busy
  permanent,  // the request itself is wrong and will stay so: syntax, no such user
  bug,        // a promise inside Waxwing is broken; log it and end the session or job
};

struct Error {
  Fault fault = Fault::bug;
  std::string text;  // what, where and what to do, in one line, for a person
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> temporary(std::string text) {
  return std::unexpected(Error{Fault::temporary, std::move(text)});
}
inline std::unexpected<Error> permanent(std::string text) {
  return std::unexpected(Error{Fault::permanent, std::move(text)});
}
inline std::unexpected<Error> bug(std::string text) {
  return std::unexpected(Error{Fault::bug, std::move(text)});
}

// The same fault with words in front: where it happened.
inline std::unexpected<Error> wrap(Error error, const std::string& where) {
  error.text = where + ": " + error.text;
  return std::unexpected(std::move(error));
}

// Error from errno: ENOENT, EINVAL and the like are permanent, all else temporary.
Error system_error(const std::string& what, int errnum);

}  // namespace waxwing

// TRY(auto x, expr): x is expr's value, or the function returns expr's error.
// TRY_VOID(expr): the same for Result<void>. Not for coroutines: see CO_TRY in common/net/task.h.
#define WAXWING_JOIN2(a, b) a##b
#define WAXWING_JOIN(a, b) WAXWING_JOIN2(a, b)
#define TRY(decl, ...) WAXWING_TRY(WAXWING_JOIN(try_, __LINE__), decl, (__VA_ARGS__), return )
#define TRY_VOID(...)                                                                                        \
  do {                                                                                                       \
    if (auto try_result = (__VA_ARGS__); !try_result) return std::unexpected(std::move(try_result.error())); \
  } while (0)
#define WAXWING_TRY(tmp, decl, expr, leave)                \
  auto tmp = expr;                                         \
  if (!tmp) leave std::unexpected(std::move(tmp.error())); \
  decl = std::move(*tmp)
