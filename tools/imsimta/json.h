// Listings for programs: one JSON object a line. Bytes that are no UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::imsimta {

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::int64_t value);
  JsonObject& flag(std::string_view name, bool value);
  // RFC 3339 in UTC; null for 0.
  JsonObject& time(std::string_view name, std::int64_t seconds);
  JsonObject& list(std::string_view name, const std::vector<JsonObject>& objects);
  JsonObject& texts(std::string_view name, const std::vector<std::string>& values);
  void print() const;
  std::string line() const;  // ends with a newline

 private:
  nlohmann::ordered_json object_ = nlohmann::ordered_json::object();
};

}  // namespace waxwing::imsimta
