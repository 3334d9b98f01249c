#include "common/mail/charset.h"

#include <iconv.h>
#include <unicode/normalizer2.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/unistr.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "common/base/strings.h"

namespace waxwing::mail {

bool is_charset_name(std::string_view name) {
  if (name.empty() || name.size() > 60) return false;
  for (const char c : name)
    if (!is_alnum(c) && std::string_view("-_.:+()").find(c) == std::string_view::npos) return false;
  return true;
}

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// One charset's way to UTF-8. Exactly one of the two converters is open.
struct Converter {
  UConverter* icu = nullptr;
  iconv_t iconv = reinterpret_cast<iconv_t>(-1);
  Converter() = default;
  Converter(const Converter&) = delete;
  ~Converter() {
    if (icu != nullptr) ucnv_close(icu);
    if (iconv != reinterpret_cast<iconv_t>(-1)) iconv_close(iconv);
  }
  bool open() const { return icu != nullptr || iconv != reinterpret_cast<iconv_t>(-1); }
};

void open_converter(Converter& converter, const std::string& name) {
  UErrorCode status = U_ZERO_ERROR;
  converter.icu = ucnv_open(name.c_str(), &status);
  if (U_SUCCESS(status)) return;
  converter.icu = nullptr;
  converter.iconv = iconv_open("UTF-8", name.c_str());
}

// This thread's converter, or null when nobody knows the charset. Unknown names are remembered too, but a
// hostile sender's inventions may not fill the memory: the table is emptied when it gets large.
Converter* converter_for(std::string_view charset) {
  thread_local std::unordered_map<std::string, std::unique_ptr<Converter>, TextHash, std::equal_to<>> known;
  auto name = to_lower(charset);
  auto at = known.find(name);
  if (at == known.end()) {
    if (known.size() > 200) known.clear();
    auto converter = std::make_unique<Converter>();
    if (is_charset_name(name)) open_converter(*converter, name);
    at = known.emplace(std::move(name), std::move(converter)).first;
  }
  return at->second->open() ? at->second.get() : nullptr;
}

std::string by_icu(UConverter* converter, std::string_view bytes) {
  ucnv_reset(converter);
  // Gathered wide first: a surrogate pair may fall on the edge of two buffers.
  icu::UnicodeString wide;
  const char* from = bytes.data();
  const char* const end = from + bytes.size();
  UErrorCode status = U_BUFFER_OVERFLOW_ERROR;
  while (status == U_BUFFER_OVERFLOW_ERROR) {
    UChar buffer[1024];
    UChar* to = buffer;
    status = U_ZERO_ERROR;
    ucnv_toUnicode(converter, &to, buffer + 1024, &from, end, nullptr, 1, &status);
    wide.append(buffer, static_cast<std::int32_t>(to - buffer));
  }
  std::string out;
  wide.toUTF8String(out);
  return out;
}

std::string by_iconv(iconv_t converter, std::string_view bytes) {
  iconv(converter, nullptr, nullptr, nullptr, nullptr);
  std::string out;
  char* from = const_cast<char*>(bytes.data());
  std::size_t left = bytes.size();
  while (left > 0) {
    char buffer[1024];
    char* to = buffer;
    std::size_t room = sizeof buffer;
    const auto before = left;
    const auto result = iconv(converter, &from, &left, &to, &room);
    out.append(buffer, static_cast<std::size_t>(to - buffer));
    if (result == static_cast<std::size_t>(-1) && left > 0 && errno != E2BIG) {
      out += kReplacement;
      ++from, --left;
    } else if (left == before && to == buffer) {
      break;
    }
  }
  return out;
}

bool is_utf8_name(std::string_view charset) {
  return iequals(charset, "utf-8") || iequals(charset, "utf8");
}
bool is_ascii_name(std::string_view charset) {
  return iequals(charset, "us-ascii") || iequals(charset, "ascii") || iequals(charset, "ansi_x3.4-1968");
}

icu::UnicodeString wide_of(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

bool all_ascii(std::string_view bytes) {
  std::uint64_t eight = 0;
  for (; bytes.size() >= sizeof eight; bytes.remove_prefix(sizeof eight)) {
    std::memcpy(&eight, bytes.data(), sizeof eight);
    if (eight & 0x8080808080808080) return false;
  }
  for (const char c : bytes)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace

bool is_known_charset(std::string_view charset) {
  return is_utf8_name(charset) || is_ascii_name(charset) || converter_for(charset) != nullptr;
}

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
  if (is_utf8_name(charset)) return valid_utf8(bytes);
  if (is_ascii_name(charset) && all_ascii(bytes)) return std::string(bytes);
  auto* converter = converter_for(charset);
  if (converter == nullptr) return std::nullopt;
  return converter->icu != nullptr ? by_icu(converter->icu, bytes) : by_iconv(converter->iconv, bytes);
}

std::optional<std::string> from_utf8(std::string_view text, std::string_view charset) {
  if (is_utf8_name(charset)) return valid_utf8(text);
  if (is_ascii_name(charset) && all_ascii(text)) return std::string(text);
  if (!is_charset_name(charset)) return std::nullopt;
  // Not one of those kept per thread: they put something in the place of what they cannot say, and go on.
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> converter(
      ucnv_open(std::string(charset).c_str(), &status), &ucnv_close);
  if (U_FAILURE(status)) return std::nullopt;
  ucnv_setFromUCallBack(converter.get(), UCNV_FROM_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  ucnv_setFallback(converter.get(), false);
  const auto wide = wide_of(text);
  std::string out(static_cast<std::size_t>(
                      UCNV_GET_MAX_BYTES_FOR_STRING(wide.length(), ucnv_getMaxCharSize(converter.get()))),
                  '\0');
  const auto size = ucnv_fromUChars(converter.get(), out.data(), static_cast<std::int32_t>(out.size()),
                                    wide.getBuffer(), wide.length(), &status);
  if (U_FAILURE(status)) return std::nullopt;
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string to_utf8_or_guess(std::string_view bytes, std::string_view charset) {
  // 8-bit bytes under an ASCII label, or under none, are UTF-8 when they can be.
  const bool labelled = !charset.empty() && !is_ascii_name(charset) && !iequals(charset, "unknown-8bit");
  if (labelled)
    if (auto text = to_utf8(bytes, charset)) return std::move(*text);
  if (is_utf8(bytes)) return std::string(bytes);
  return to_utf8(bytes, "windows-1252").value_or(valid_utf8(bytes));
}

std::string valid_utf8(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string out;
  wide_of(bytes).toUTF8String(out);
  return out;
}

std::string fold_for_search(std::string_view text) {
  if (all_ascii(text)) return to_lower(text);
  UErrorCode status = U_ZERO_ERROR;
  const auto* nfkd = icu::Normalizer2::getNFKDInstance(status);
  auto wide = wide_of(text);
  if (U_SUCCESS(status)) wide = nfkd->normalize(wide, status);
  wide.foldCase();
  std::string out;
  wide.toUTF8String(out);
  return out;
}

}  // namespace waxwing::mail
