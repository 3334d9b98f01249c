// Lists: groups of the directory and mailing lists of the aliases file; what they do to a message, and what the
// process channel has to know to go on with one that was left to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/config/alias_list.h"

namespace waxwing::directory {
struct Group;
}

namespace waxwing::mta {

// How far a list is followed.
//   expand   to its last member, in memory: who asks about an address (EXPN, imsimta test -rewrite)
//   defer    small ones too; one that is large, or that has to see or change the message, becomes a recipient of
//            the process channel
//   head     process, first: may this message go to the list, and what is done to it
//   members  process, then: every member, each handed over as it is found
enum class Lists { expand, defer, head, members };

// Travels with such a recipient in the queue file (its final_data).
struct ListState {
  std::string source;              // channel the message came in by
  std::string sender;              // envelope From it came with, whatever the lists above put in its place
  std::string auth_sender;         // address of the authenticated sender, or ""
  std::vector<std::string> above;  // ids of the lists that led to this one: a circle through the queue ends
  std::string connection;          // with INCLUDE_CONNECTIONINFO: "port probe|application|"
  std::string tags;                // for the conversion channel, of those lists; separated by commas

  std::string encode() const;
  // Permanent error: not the state of a list.
  static Result<ListState> decode(std::string_view text);
};

// What mgrpAddHeader, mgrpRemoveHeader, mgrpMsgPrefixText, mgrpMsgSuffixText, mgrpSubjectTag of the group say.
ListEffects effects_of(const directory::Group& group);

}  // namespace waxwing::mta
