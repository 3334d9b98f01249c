// Which words a delivery notification is written in: the mapping NOTIFICATION_LANGUAGE, see return_text(5).
//
//   probe  what has happened, with commas|source channel|what the message prefers|whom it is for|first recipient
//   $I     a language tag, for Content-Language:
//   $D     the folder with the texts: config/locale/<it>, or an absolute one
// Both stand in the result in this order, with | between; one of them alone is the folder. No entry: config/locale/C.
#pragma once

#include <memory>
#include <string>

#include "mta/config/mta_config.h"
#include "mta/notify/notification.h"
#include "mta/notify/text_folders.h"

namespace waxwing::mta::notify {

// Thread-safe.
class Languages {
 public:
  // root: of the instance. Texts that are missing are logged.
  Languages(const std::string& root, std::shared_ptr<const MtaConfig> config);
  const Templates& of(const Notice& notice);

 private:
  std::shared_ptr<const MtaConfig> config_;
  TextFolders folders_;
};

}  // namespace waxwing::mta::notify
