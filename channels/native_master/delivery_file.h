// Files that a group's mailDeliveryFileURL names: "+/var/lists/all@native-daemon", which the delivery option file
// makes. An mbox, or a Maildir when the name ends in '/'. They belong to the mail service.
//
// Who may change a group's entry names the file, so it must be below a folder of native.filefolders; and who
// sends mail may not name one: an address that was "+..." before delivery options is no file, but no account either.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "mta/queue/envelope.h"

namespace waxwing::channels {

bool is_delivery_file(const mta::queue::Recipient& recipient);

// The path. folders: native.filefolders, separated by blanks; relative ones are below root. Permanent error for
// any other file.
Result<std::string> delivery_file_path(const mta::queue::Recipient& recipient, std::string_view folders,
                                       const std::string& root);

}  // namespace waxwing::channels
