// Disposition notifications: RFC 8098 (the standard), RFC 3798 (what was documented: the same fields), RFC 6533 (with
// UTF-8 addresses). Pure text, as notification.h is for delivery notifications.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mta/notify/notification.h"
#include "mta/notify/templates.h"

namespace waxwing::mta::notify {

// What became of the message. RFC 2298 had denied and failed too; RFC 3798 took them back.
enum class Disposition { displayed, deleted, dispatched, processed };
const char* disposition_word(Disposition disposition);

// One message, one recipient. All of it automatic: a program of this server acts by what its user has set.
struct DispositionNotice {
  Disposition disposition = Disposition::processed;
  std::vector<std::string> modifiers;  // "error"; usually none
  std::string to;                      // automatic_request()
  std::string from, from_name;         // whom it is issued for
  std::string subject;                 // UTF-8
  std::string host;                    // ours: Reporting-UA, Message-ID
  std::string original_recipient;      // ORCPT "rfc822;a@b"; may be empty
  std::string final_recipient;         // address
  std::string original_header;         // header block of the message, with its empty line
  std::string words;          // UTF-8, LF or CRLF, that take the place of the templates; may be empty
  std::string charset;        // of the words where it can say them, else utf-8; "": utf-8
  bool full_content = false;  // the whole message is to follow, not its header only
  bool eight_bit = false;     // the message is 8BITMIME
  bool smtputf8 = false;      // the message was
  std::int64_t now_ms = 0;
};

// head, then the bytes of the original (header or all), then tail.
NoticeText make_disposition_notice(const DispositionNotice& notice, const Templates& templates,
                                   std::string_view boundary);

}  // namespace waxwing::mta::notify
