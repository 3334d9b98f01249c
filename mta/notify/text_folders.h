// The texts of one family by folder of config/locale, each read once; and what a mapping answers when it is asked for
// one of them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "mta/address/mapping.h"
#include "mta/notify/templates.h"

namespace waxwing::mta::notify {

// What the reader of a message would like: Accept-Language:, Preferred-Language: or X-Accept-Language:, the first of
// several; "" when the header says nothing.
std::string preferred_language(std::string_view header);

// RFC 5646: letters, digits and hyphens.
bool is_language_tag(std::string_view text);

// $I a language tag and $D a folder, in this order; one of them alone: a folder. | stands between all pieces.
struct LanguageAnswer {
  std::string language;  // "" none, or none that is sound
  std::string folder;
  std::string rest;  // pieces behind, for tables that have more
};
// Nothing: no row matched, or none that names a folder.
std::optional<LanguageAnswer> read_language_answer(const MapResult& answer);

// Thread-safe.
class TextFolders {
 public:
  // root: of the instance. Texts that are missing in C are logged.
  TextFolders(const std::string& root, TextFamily family);
  const Templates& usual() const { return *usual_; }
  // name: below config/locale, or absolute. Texts it lacks are those of C.
  const Templates& of(const std::string& name, const std::string& language);

 private:
  std::string locale_;
  TextFamily family_;
  std::mutex mutex_;
  std::map<std::string, Templates> by_folder_;
  const Templates* usual_ = nullptr;  // one of them, which never change
};

}  // namespace waxwing::mta::notify
