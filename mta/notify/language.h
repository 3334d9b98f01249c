// Which words a notification is written in: the mapping NOTIFICATION_LANGUAGE, see return_text(5).
//
//   probe  what has happened, with commas|source channel|what the message prefers|whom it is for|first recipient
//   $I     a language tag, for Content-Language:
//   $D     the folder with the texts: config/locale/<it>, or an absolute one
// Both stand in the result in this order, with | between. No entry, or one without $D: config/locale/C.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mta/config/mta_config.h"
#include "mta/notify/notification.h"
#include "mta/notify/templates.h"

namespace waxwing::mta::notify {

// What the reader of a message would like: Accept-Language: or Preferred-Language:, the first of several; "" when the
// header says nothing.
std::string preferred_language(std::string_view header);

// One thread at a time.
class Languages {
 public:
  // root: of the instance. Texts that are missing are logged.
  Languages(std::string root, std::shared_ptr<const MtaConfig> config);
  const Templates& of(const Notice& notice);

 private:
  const Templates& folder(const std::string& folder, const std::string& language);

  std::string locale_;
  std::shared_ptr<const MtaConfig> config_;
  std::map<std::string, Templates> by_folder_;
};

}  // namespace waxwing::mta::notify
